/**
 * Calls a second to users of several devices, all of which ring: one answers, the others get CANCEL. The whole product,
 * with digest and media.
 *
 * npm run bench -- ring-all [--seconds 10] [--devices 5] [--rate 50] [--from 50] [--json FILE] [--profile FOLDER]
 *
 * Without --rate the highest clean rate is found by bisection.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { highestRate, rowOf, threadRowOf, trial, type Trial } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { sipp } from './lib/sipp.ts';
import { Lab, productSubject, registerAt } from './lib/subjects.ts';
import { table } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    devices: { type: 'string', default: '5' },
    rate: { type: 'string' },
    from: { type: 'string', default: '50' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const devices = Number(options.devices);

const lab = new Lab(options.profile);
try {
  const [answerPort, ringPort] = [await freePort(), await freePort()];
  const subject = await productSubject(lab, answerPort, { devicesEach: devices });
  const ringing = subject.product.answerers.flatMap((list) => list.slice(1));
  if (ringing.length > 0) await registerAt(lab, subject.target, ringPort, ringing);
  const answerer = await sipp({ scenario: 'answer', target: subject.target, port: answerPort });
  const ringer = await sipp({ scenario: 'ring-only', target: subject.target, port: ringPort });
  await trial(subject, 40, Math.min(10, seconds));
  const say = (t: Trial) => console.error(`${t.rate}/s ${t.good ? 'clean' : 'not clean'}`);
  const best =
    options.rate === undefined
      ? await highestRate(subject, Number(options.from), seconds, say)
      : await trial(subject, Number(options.rate), seconds);
  const [answered, cancelled] = [await answerer.stop(), await ringer.stop()];
  if (best === undefined) throw new Error('no rate was clean');
  const name = `${devices} devices a user`;
  console.log(table([rowOf(name, best)]));
  console.log(`\nCPU milliseconds a call, by thread\n${table([threadRowOf(name, best)])}`);
  console.log(`\nanswered legs: ${answered.successful}; cancelled legs: ${cancelled.successful}`);
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      JSON.stringify({ devices, ...best, cancelledLegs: cancelled.successful }, null, 2),
    );
  if (best.failed > best.calls / 100 || (devices > 1 && cancelled.successful === 0)) process.exitCode = 1;
} finally {
  await lab.stop();
}
