import { isValidPhoneNumber } from 'libphonenumber-js/max';
import type { NumberForm } from '../../stores/index.ts';
import { NumberReader } from '../routing/numbers.ts';

/** Digits as people dial an outside number; anything else is a mistake. */
export const isOutsideNumber = (dialled: string): boolean => /^\+?\d{3,20}$/.test(dialled);

/** Writes numbers as carriers and directories want them. `country` (ISO 3166) is that of numbers without a country code. */
export class NumberForms {
  readonly #reader = new NumberReader();

  /** In E.164 (`+4930123456`); undefined for what is no number. Carriers also leave the plus away: that is tried last. */
  e164(number: string, country = ''): string | undefined {
    const found = this.#reader.read(number, country);
    if (found !== undefined) return found.e164;
    if (!/^\d{8,17}$/.test(number)) return undefined;
    const international = number.startsWith('00') ? `+${number.slice(2)}` : `+${number}`;
    return isValidPhoneNumber(international) ? international : undefined;
  }

  /** What cannot be written in a form stays as it is; a number of another country has no national form. */
  formed(number: string, form: NumberForm, country = ''): string {
    const e164 = form === 'as-is' ? undefined : this.e164(number, country);
    if (e164 === undefined) return number;
    if (form === 'e164') return e164;
    const read = form === 'national' ? this.#reader.read(e164, country) : undefined;
    return read?.country === country && country !== '' ? read.national : e164.slice(1);
  }

  /** The ways in which a directory may have written a number. */
  spellings(number: string, country = ''): readonly string[] {
    const e164 = this.e164(number, country);
    const all = [number, number.startsWith('+') ? number.slice(1) : `+${number}`];
    if (e164 === undefined) return all;
    const digits = e164.slice(1);
    return [...new Set([...all, e164, digits, `00${digits}`, this.formed(e164, 'national', country)])];
  }

  /** Whether two numbers are one, however they are written. */
  same(a: string, b: string, country = ''): boolean {
    return a === b || (this.e164(a, country) ?? a) === (this.e164(b, country) ?? b);
  }
}
