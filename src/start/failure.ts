import { ConfigurationError } from '../config/index.ts';

/** A start that cannot work: where (a key of the configuration), and what. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  constructor(where: string, cause: unknown) {
    super(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Runs one step of the start; what it throws is told with the place where it can be put right. */
export async function at<T>(where: string, step: () => Promise<T> | T): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof ConfigurationError || error instanceof StartFailure
      ? error
      : new StartFailure(where, error);
  }
}
