/**
 * Calls a second: SIPp caller and answerer through the whole product (digest on and off, media anchored, no RTP sent),
 * beside a plain createB2BUA application on the embedded signaling engine alone and, where an address is given, on a peer.
 *
 * npm run bench -- calls [--seconds 10] [--rate 200] [--from 100] [--only product,trunk,engine,peer] [--answer-port 5080]
 *   [--peer 127.0.0.1:9022:cymru@127.0.0.1:5060 | --peer 127.0.0.1:5060] [--warm 10] [--json FILE] [--profile FOLDER]
 *
 * Without --rate the highest clean rate is found by bisection; --rates 50,100,200 measures at each of them instead, and
 * writes those to the file. CPU is per call, by process and by thread,
 * after --warm seconds of 100 calls a second, in which most of the code is compiled.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { highestRate, rowOf, threadRowOf, trial, type Subject, type Trial } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { sipp } from './lib/sipp.ts';
import { engineSubject, Lab, peerSubject, productSubject } from './lib/subjects.ts';
import { table } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string' },
    rates: { type: 'string' },
    from: { type: 'string', default: '100' },
    peer: { type: 'string' },
    only: { type: 'string', default: 'product,trunk,engine,peer' },
    'answer-port': { type: 'string' },
    warm: { type: 'string', default: '10' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);

type Make = (lab: Lab, answerPort: number) => Promise<Subject>;

const swept: { subject: string; rate: number; cpuMs: number; p50: number; p99: number; good: boolean }[] = [];

/** Trials at each of the rates that were asked for. */
const sweep = async (subject: Subject): Promise<Trial | undefined> => {
  let last: Trial | undefined;
  for (const rate of (options.rates ?? '').split(',').map(Number)) {
    const t = await trial(subject, rate, seconds);
    const cpuMs = Object.keys(subject.processes).reduce((sum, name) => sum + (t.cpu[name] ?? 0), 0);
    swept.push({ subject: subject.name, rate, cpuMs, p50: t.p50, p99: t.p99, good: t.good });
    last = t.good || last === undefined ? t : last;
  }
  return last;
};

const measure = async (make: Make): Promise<[string, Trial] | undefined> => {
  const lab = new Lab(options.profile);
  try {
    const answerPort = Number(options['answer-port'] ?? (await freePort()));
    const subject = await make(lab, answerPort);
    const answerer = await sipp({ scenario: 'answer', target: subject.target, port: answerPort });
    await trial(subject, 100, Number(options.warm));
    const say = (t: Trial) => console.error(`${subject.name}: ${t.rate}/s ${t.good ? 'clean' : 'not clean'}`);
    const fixed = options.rates === undefined ? undefined : await sweep(subject);
    const best =
      fixed ??
      (options.rate === undefined
        ? await highestRate(subject, Number(options.from), seconds, say)
        : await trial(subject, Number(options.rate), seconds));
    await answerer.stop();
    return best === undefined ? undefined : [subject.name, best];
  } finally {
    await lab.stop();
  }
};

const makers: Readonly<Record<string, Make>> = {
  product: productSubject,
  trunk: async (lab, port) => await productSubject(lab, port, { trunkPort: await freePort() }),
  engine: engineSubject,
  ...(options.peer === undefined
    ? {}
    : { peer: (lab: Lab, port: number) => peerSubject(lab, options.peer ?? '', port) }),
};

const results: [string, Trial][] = [];
for (const [name, make] of Object.entries(makers)) {
  if (!options.only.split(',').includes(name)) continue;
  const result = await measure(make);
  if (result !== undefined) results.push(result);
}
console.log(table(results.map(([name, t]) => rowOf(name, t))));
console.log(
  `\nCPU milliseconds a call, by thread\n${table(results.map(([name, t]) => threadRowOf(name, t)))}`,
);
const peer = results.find(([name]) => name.startsWith('peer'))?.[1];
// At rates that were given, all of them carry the same.
if (peer !== undefined && options.rates === undefined && options.rate === undefined)
  for (const [name, t] of results.slice(0, -1))
    console.log(`${name} / peer: ${(t.rate / peer.rate).toFixed(2)}`);
if (options.json !== undefined)
  writeFileSync(
    options.json,
    JSON.stringify(swept.length > 0 ? swept : Object.fromEntries(results), null, 2),
  );
if (results.some(([, t]) => t.calls > 0 && t.failed > t.calls / 100)) process.exitCode = 1;
