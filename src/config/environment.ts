import type { Problem } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

type Replaced = { readonly value: unknown; readonly problems: readonly Problem[] };

const pattern = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in every string of a JSON value by what the environment holds; `$${NAME}` stands for the text
 * `${NAME}`. A name that is not set is a problem at the path of its string.
 */
export function replaceEnvironment(value: unknown, environment: Environment, path = ''): Replaced {
  if (typeof value === 'string') return replaceText(value, environment, path);
  if (Array.isArray(value)) {
    const items = value.map((item, i) => replaceEnvironment(item, environment, `${path}[${i}]`));
    return { value: items.map((item) => item.value), problems: items.flatMap((item) => item.problems) };
  }
  if (typeof value !== 'object' || value === null) return { value, problems: [] };
  const entries = Object.entries(value).map(
    ([key, item]) =>
      [key, replaceEnvironment(item, environment, path === '' ? key : `${path}.${key}`)] as const,
  );
  return {
    value: Object.fromEntries(entries.map(([key, item]) => [key, item.value])),
    problems: entries.flatMap(([, item]) => item.problems),
  };
}

function replaceText(text: string, environment: Environment, path: string): Replaced {
  const problems: Problem[] = [];
  const value = text.replace(pattern, (whole, escaped: string, name: string) => {
    if (escaped !== '') return whole.slice(1);
    const found = environment[name];
    if (found === undefined) problems.push({ path, message: `the environment variable ${name} is not set` });
    return found ?? '';
  });
  return { value, problems };
}
