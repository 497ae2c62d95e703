/** Keys in session descriptions (SDES, RFC 4568): which pair of a=crypto lines two sides settle on. */
type Crypto = { readonly tag: string; readonly suite: string; readonly keys: string };

function cryptoOf(line: string): Crypto | undefined {
  const [, tag, suite, keys] = /^a=crypto:(\d+)\s+(\S+)\s+(.+)$/.exec(line) ?? [];
  return tag === undefined || suite === undefined || keys === undefined ? undefined : { tag, suite, keys };
}

const print = (tag: string, { suite, keys }: Crypto): string => `a=crypto:${tag} ${suite} ${keys}`;

/** The first suite of `theirs` that `ours` has: our line with their tag to answer with, and theirs as an answer to ours. */
export function agreeOnKeys(
  ours: readonly string[],
  theirs: readonly string[],
): { readonly ours: string; readonly theirs: string } | undefined {
  const known = ours.flatMap((line) => cryptoOf(line) ?? []);
  for (const their of theirs.flatMap((line) => cryptoOf(line) ?? [])) {
    const our = known.find(({ suite }) => suite === their.suite);
    if (our !== undefined) return { ours: print(their.tag, our), theirs: print(our.tag, their) };
  }
  return undefined;
}

const sections = (sdp: string): string[][] =>
  sdp.split(/^(?=m=)/m).map((section) => section.split(/\r\n|\n|\r/).filter((line) => line !== ''));

/**
 * A device's description as the answer to an offer of ours: of its keys the one of a suite that we offered, under the
 * number that it has there. What has no keys is left as it is.
 */
export function asAnswerToKeys(offered: string, said: string): string {
  if (!/^a=crypto:/m.test(said)) return said;
  const ours = sections(offered);
  return sections(said)
    .flatMap((lines, i) => {
      const agreed = agreeOnKeys(ours[i] ?? [], lines);
      if (agreed === undefined) return lines;
      return [...lines.filter((line) => cryptoOf(line) === undefined), agreed.theirs];
    })
    .map((line) => `${line}\r\n`)
    .join('');
}
