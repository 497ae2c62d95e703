/** Somebody who would ring. */
export type Rung = {
  /** A device's extension, or an outside number. */
  readonly to: string;
  /** The user whose device it is. */
  readonly user?: string;
  readonly registered?: boolean;
  /** The user does not want to be disturbed: it does not ring. */
  readonly silent?: boolean;
  readonly afterSeconds?: number;
  readonly seconds?: number;
  /** Must press 1. */
  readonly confirm?: boolean;
};
