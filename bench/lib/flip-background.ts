/** Calls that go on while flips are measured: `flip-background.ts PORT COUNT`, until it is told to end. */
import { backgroundCalls } from './flip-lab.ts';

const [port = '0', count = '0'] = process.argv.slice(2);
const phones = await backgroundCalls(Number(port), Number(count));
// Nobody looks at what was heard.
const trim = setInterval(() => {
  for (const call of phones.flatMap((phone) => phone.calls)) call.media.rtp.packets.length = 0;
}, 1000);
console.log('talking');
process.once('SIGTERM', () => {
  clearInterval(trim);
  const over = phones.flatMap((phone) => phone.calls.filter((call) => call.direction === 'out'));
  void Promise.allSettled(over.map((call) => call.hangup())).then(() => process.exit(0));
});
