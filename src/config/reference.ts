import { schema, type Schema } from './schema.ts';

const introduction = `# Configuration

<!-- Written by scripts/configuration-reference.ts from config/schema.json; a test keeps the two equal. -->

One JSON file, given with \`--config FILE\`. Every key has a default; an unknown key is refused with its path. \`\${NAME}\` in
a string is replaced by the environment variable NAME, which must be set (\`$\${NAME}\` stands for the text itself). Relative
paths are taken from the folder of the file. Examples are in \`config/\`; \`"$schema": "./schema.json"\` makes an editor check
the file as it is written.

| key | type | default | what it is |
|---|---|---|---|
`;

const escape = (text: string) => text.replaceAll('|', '\\|');

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.type === 'array')
    return `list of ${schema.items?.enum === undefined ? `${schema.items?.type}s` : typeOf(schema.items)}`;
  if (schema.minimum !== undefined && schema.maximum !== undefined)
    return `${schema.type}, ${schema.minimum} to ${schema.maximum}`;
  return schema.type ?? '';
}

function defaultOf(schema: Schema, required: boolean): string {
  if (required) return '(needed)';
  if (schema.default === undefined) return '';
  return `\`${JSON.stringify(schema.default)}\``;
}

function rows(schema: Schema, path: string, required: boolean): readonly string[] {
  const inner = schema.type === 'array' ? schema.items : schema;
  const children = Object.entries(inner?.properties ?? {}).filter(([name]) => name !== '$schema');
  const type = children.length > 0 ? (schema.type === 'array' ? 'list' : 'object') : typeOf(schema);
  const value = children.length > 0 && schema.type !== 'array' ? '' : defaultOf(schema, required);
  const own =
    path === ''
      ? []
      : [`| \`${path}\` | ${escape(type)} | ${escape(value)} | ${escape(schema.description ?? '')} |`];
  const prefix = `${path}${schema.type === 'array' ? '[]' : ''}${path === '' ? '' : '.'}`;
  return [
    ...own,
    ...children.flatMap(([name, child]) =>
      rows(child, `${prefix}${name}`, (inner?.required ?? []).includes(name)),
    ),
  ];
}

/** The reference page, `docs/configuration.md`, made from the schema. */
export function configurationReference(): string {
  return `${introduction}${rows(schema, '', false).join('\n')}\n`;
}
