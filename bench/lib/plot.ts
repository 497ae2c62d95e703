export type Series = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
};

export type Plot = {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
};

const [width, height] = [640, 360];
const frame = { left: 64, right: 16, top: 40, bottom: 72 };
const colours = ['#1f6feb', '#d1242f', '#1a7f37', '#8250df', '#bf8700', '#57606a'];

/** The least of 1, 2, 5 times a power of ten that is no less. */
const nice = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value) ?? value;
};

const ticks = (most: number): readonly number[] => {
  const step = nice(most / 5);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step);
};

const shown = (value: number): string => String(Number(value.toPrecision(6)));
const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const text = (x: number, y: number, what: string, more = ''): string =>
  `<text x="${x}" y="${y}" ${more}>${escaped(what)}</text>`;

/** A line plot as SVG text; both axes begin at 0. */
export const plotSvg = ({ title, x, y, series }: Plot): string => {
  const all = series.flatMap(({ points }) => points);
  const xs = ticks(Math.max(1, ...all.map(([value]) => value)));
  const ys = ticks(Math.max(1e-6, ...all.map(([, value]) => value)));
  const [right, bottom] = [width - frame.right, height - frame.bottom];
  const atX = (value: number) => frame.left + (value / (xs.at(-1) ?? 1)) * (right - frame.left);
  const atY = (value: number) => bottom - (value / (ys.at(-1) ?? 1)) * (bottom - frame.top);
  const at = ([a, b]: readonly [number, number]) => `${atX(a).toFixed(1)},${atY(b).toFixed(1)}`;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(frame.left, 22, title, 'font-size="15" font-weight="bold"'),
    ...ys.flatMap((value) => [
      `<line x1="${frame.left}" x2="${right}" y1="${atY(value)}" y2="${atY(value)}" stroke="#d0d7de"/>`,
      text(frame.left - 6, atY(value) + 4, shown(value), 'text-anchor="end"'),
    ]),
    ...xs.map((value) => text(atX(value), bottom + 16, shown(value), 'text-anchor="middle"')),
    text((frame.left + right) / 2, bottom + 34, x, 'text-anchor="middle"'),
    text(
      14,
      (frame.top + bottom) / 2,
      y,
      `text-anchor="middle" transform="rotate(-90 14 ${(frame.top + bottom) / 2})"`,
    ),
    ...series.flatMap(({ name, points }, i) => {
      const colour = colours[i % colours.length] ?? '#000';
      const legend = frame.left + (i * (right - frame.left)) / series.length;
      return [
        `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(at).join(' ')}"/>`,
        ...points.map(
          ([a, b]) => `<circle cx="${atX(a).toFixed(1)}" cy="${atY(b).toFixed(1)}" r="3" fill="${colour}"/>`,
        ),
        `<rect x="${legend}" y="${height - 20}" width="10" height="10" fill="${colour}"/>`,
        text(legend + 14, height - 11, name),
      ];
    }),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
};
