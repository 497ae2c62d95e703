import type { ApiParts } from './api-parts.ts';
import { Refused } from './problem.ts';

/** An extension that is an emergency number would never be reached. */
export function refuseEmergency({ product }: ApiParts, extension: string): void {
  if (product.trunks.isEmergency(extension))
    throw new Refused(409, `${extension} is an emergency number (emergencyNumbers)`);
}
