/** One thing that is wrong, at a path such as `signaling.listen[0]`; the path is empty for the whole file. */
export type Problem = { readonly path: string; readonly message: string };

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
    super([`${source} cannot be used:`, ...lines].join('\n'));
    this.problems = problems;
  }
}
