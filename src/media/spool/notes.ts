/**
 * Somebody was connected just now, or again: on which port of the media engine its packets arrive, for which side it
 * speaks, in place of who spoke for that side before, and what its payload types mean.
 */
export type PortNote = {
  readonly port: number;
  readonly side: 'left' | 'right';
  readonly codecs: readonly NotedCodec[];
};

/** As in an a=rtpmap line. */
export type NotedCodec = {
  readonly payloadType: number;
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
};

/** With the wall-clock milliseconds when it was noted. */
export type TimedNote = PortNote & { readonly at: number };

/** What is written beside a recording that another engine makes: the file it is to become, and what its ports are. */
export type SpoolNotes = { readonly file: string; readonly notes: readonly TimedNote[] };

/** One line of the notes' file, as JSON; the first line has the name of the recording. */
export const printLine = (line: { readonly file: string } | TimedNote): string => `${JSON.stringify(line)}\n`;

/** Reads notes; a line that is not whole, as the last one after a crash, is left out. Undefined without a file's name. */
export function parseNotes(text: string): SpoolNotes | undefined {
  let file: string | undefined;
  const notes: TimedNote[] = [];
  for (const line of text.split('\n')) {
    const said = parseLine(line);
    if (said === undefined) continue;
    if (typeof said['file'] === 'string' && isFileName(said['file'])) file ??= said['file'];
    else if (isNote(said)) notes.push(said);
  }
  return file === undefined ? undefined : { file, notes };
}

const isFileName = (name: string) => /^[A-Za-z0-9_@-][A-Za-z0-9_.@-]*$/.test(name);

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isNote(said: object): said is TimedNote {
  const { at, port, side, codecs } = said as Partial<TimedNote>;
  return (
    typeof at === 'number' &&
    typeof port === 'number' &&
    (side === 'left' || side === 'right') &&
    Array.isArray(codecs) &&
    codecs.every(isCodec)
  );
}

const isCodec = ({ payloadType, name, clockRate, channels }: Partial<NotedCodec>) =>
  typeof payloadType === 'number' &&
  typeof name === 'string' &&
  typeof clockRate === 'number' &&
  typeof channels === 'number';
