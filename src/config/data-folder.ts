import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../base/index.ts';
import type { DeviceConfig, UserConfig } from './config.ts';
import { ConfigurationError } from './problem.ts';

const demoFile = 'demo-users.json';
const tokenFile = 'admin-token';

export type DataFolder = {
  readonly path: string;
  /** Whether nothing was in it: this is the first start. */
  readonly wasEmpty: boolean;
};

/** Makes the data folder where it is not there yet. Throws `ConfigurationError` when it cannot be used. */
export function openDataFolder(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return { path, wasEmpty: readdirSync(path).length === 0 };
  } catch (error) {
    throw new ConfigurationError('the data folder', [{ path: 'data', message: (error as Error).message }]);
  }
}

/** Without letters and digits that are taken for each other on a telephone's display. */
const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Twelve letters in three groups: 60 bits, and still something that can be typed into a desk phone. */
function newPassword(random: Random): string {
  const bytes = Buffer.from(random.hex(12), 'hex');
  const text = [...bytes].map((byte) => letters[byte % letters.length]).join('');
  return [text.slice(0, 4), text.slice(4, 8), text.slice(8)].join('-');
}

/** Six digits; what protects them is that few may be tried. */
const newPin = (random: Random): string =>
  String(Number.parseInt(random.hex(6), 16) % 1_000_000).padStart(6, '0');

function newDemoUsers(random: Random): readonly UserConfig[] {
  const device = (extension: string, name: string, kind: DeviceConfig['kind']): DeviceConfig => ({
    extension,
    name,
    kind,
    trusted: true,
    password: newPassword(random),
  });
  return [
    { extension: '100', name: 'Ada' },
    { extension: '200', name: 'Ben' },
  ].map(({ extension, name }) => ({
    extension,
    name,
    pin: newPin(random),
    devices: [
      device(`${extension}1`, 'Desk phone', 'desk'),
      device(`${extension}2`, 'Mobile app', 'mobile'),
      device(`${extension}3`, 'Desktop app', 'desktop'),
    ],
  }));
}

function readKept(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigurationError(file, [
      { path: '', message: `it cannot be read: ${(error as Error).message}` },
    ]);
  }
}

function keep(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
    chmodSync(file, 0o600);
  } catch (error) {
    throw new ConfigurationError(file, [
      { path: '', message: `it cannot be written: ${(error as Error).message}` },
    ]);
  }
}

/**
 * The two demo users: made at the first start, with random passwords that nobody else has, and read again at later ones.
 * Undefined where there are none: other data was there first.
 */
export function demoUsers(
  folder: DataFolder,
  random: Random,
): { readonly users: readonly UserConfig[]; readonly file: string } | undefined {
  const file = join(folder.path, demoFile);
  const kept = readKept(file);
  if (kept === undefined) {
    if (!folder.wasEmpty) return undefined;
    const users = newDemoUsers(random);
    keep(file, `${JSON.stringify(users, null, 2)}\n`);
    return { users, file };
  }
  try {
    const users = JSON.parse(kept) as readonly UserConfig[];
    if (!Array.isArray(users) || !users.every((user) => Array.isArray(user.devices)))
      throw new Error('no users');
    return { users, file };
  } catch {
    throw new ConfigurationError(file, [
      { path: '', message: 'it is damaged; remove it together with the rest of the folder to start anew' },
    ]);
  }
}

/** The administrator's token where the configuration gives none: made once, kept, readable by the owner only. */
export function adminToken(
  folder: DataFolder,
  random: Random,
): { readonly token: string; readonly file: string } {
  const file = join(folder.path, tokenFile);
  const kept = readKept(file)?.trim() ?? '';
  if (kept !== '') return { token: kept, file };
  const token = random.hex(24);
  keep(file, `${token}\n`);
  return { token, file };
}
