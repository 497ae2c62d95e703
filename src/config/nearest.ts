/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replace = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(i - 1, j) + 1,
        (row[j - 1] ?? 0) + 1,
        replace,
        swapped ? at(i - 2, j - 2) + 1 : replace,
      );
    }
  }
  return at(a.length, b.length);
}

/** The word that was probably meant, when one is near enough to say so. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  const ranked = words
    .map((other) => ({ other, by: distance(word.toLowerCase(), other.toLowerCase()) }))
    .filter(({ by }) => by <= limit)
    .sort((a, b) => a.by - b.by);
  return ranked[0]?.other;
}
