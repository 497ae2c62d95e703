/**
 * Draws the plots of docs/performance.md from the figures beside them.
 *
 * npm run bench -- plots [--folder docs/performance]
 *
 * calls.json is written by `calls --rates …`, held.json by `held`, media.json by `media`, overload.json by `overload`, all
 * with --json; what is missing is left out.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { plotSvg, type Plot, type Series } from './lib/plot.ts';

const { values: options } = parseArgs({
  options: { folder: { type: 'string', default: 'docs/performance' } },
});

type Figures = Readonly<Record<string, unknown>>;

const numberOf = (row: Figures, column: string): number => Number(row[column] ?? Number.NaN);

const line = (name: string, rows: readonly Figures[], x: string, y: string): Series => ({
  name,
  points: rows
    .map((row) => [numberOf(row, x), numberOf(row, y)] as const)
    .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b)),
});

/** Rows by the value of a column. */
const grouped = (rows: readonly Figures[], column: string): [string, Figures[]][] =>
  Object.entries(Object.groupBy(rows, (row) => String(row[column]))).map(([name, list]) => [
    name,
    list ?? [],
  ]);

const plots: Readonly<Record<string, (rows: readonly Figures[]) => Readonly<Record<string, Plot>>>> = {
  calls: (rows) => ({
    'calls-cpu': {
      title: 'CPU of a call',
      x: 'calls a second',
      y: 'milliseconds of CPU',
      series: grouped(rows, 'subject').map(([name, list]) => line(name, list, 'rate', 'cpuMs')),
    },
    'calls-latency': {
      title: 'INVITE to 200, 99 of 100',
      x: 'calls a second',
      y: 'milliseconds',
      series: grouped(rows, 'subject').map(([name, list]) => line(name, list, 'rate', 'p99')),
    },
  }),
  held: (rows) => ({
    'held-memory': {
      title: 'Memory of a held call',
      x: 'held calls',
      y: 'kB of heap and buffers',
      series: ['heap', 'main', 'signaling', 'relay'].map((name) =>
        line(
          name === 'heap' ? 'all threads' : name,
          rows,
          'calls',
          name === 'heap' ? 'heap kB/call' : `${name} kB`,
        ),
      ),
    },
    'held-cost': {
      title: 'A new call beside held ones',
      x: 'held calls',
      y: 'milliseconds',
      series: [
        line('CPU', rows, 'calls', 'ms/call beside'),
        line('INVITE to 200, p50', rows, 'calls', 'p50 ms'),
      ],
    },
  }),
  media: (rows) => ({
    'media-cpu': {
      title: 'CPU of 20 ms G.711 calls',
      x: 'calls',
      y: 'cores',
      series: grouped(rows, 'engine').map(([name, list]) => line(name, list, 'calls', 'cores')),
    },
  }),
};

const rowsOf = (file: string): readonly Figures[] => {
  const read = JSON.parse(readFileSync(file, 'utf8')) as readonly Figures[] | Figures;
  return Array.isArray(read) ? (read as readonly Figures[]) : [];
};

for (const [name, draw] of Object.entries(plots)) {
  const file = join(options.folder, `${name}.json`);
  if (!existsSync(file)) continue;
  for (const [plot, what] of Object.entries(draw(rowsOf(file)))) {
    if (what.series.every(({ points }) => points.length === 0)) continue;
    writeFileSync(join(options.folder, `${plot}.svg`), plotSvg(what));
    console.log(join(options.folder, `${plot}.svg`));
  }
}
