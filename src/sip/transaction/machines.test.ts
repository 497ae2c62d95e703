import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { inviteClient, nonInviteClient } from './client-machines.ts';
import { firstInterval, printEffect, step, type AnyMachine, type TimerName } from './machine.ts';
import { inviteServer, nonInviteServer } from './server-machines.ts';
import { defaultTimers } from './timers.ts';

const inviteClientArrows = (reliable: boolean): string[] => {
  const completed = reliable ? 'terminated' : 'completed';
  const startD = reliable ? '' : 'start D, ';
  return [
    ...['100', '1xx'].flatMap((response) => [
      `calling -> ${response} -> proceeding (stop A, stop B, start C, report response)`,
      `calling, cancel wanted -> ${response} -> cancelled (stop A, stop B, start X, send CANCEL, report response)`,
      `cancelled -> ${response} -> cancelled (report response)`,
    ]),
    ...['calling', 'calling, cancel wanted'].flatMap((state) => [
      `${state} -> 2xx -> accepted (stop A, stop B, start M, report response)`,
      `${state} -> 3xx -> ${completed} (stop A, stop B, ${startD}send ACK, report response)`,
      `${state} -> timer A -> ${state} (back off A, send request)`,
      `${state} -> timer B -> terminated (report timeout)`,
      `${state} -> transport error -> terminated (report failure)`,
    ]),
    'calling -> cancel -> calling, cancel wanted ()',
    'proceeding -> 100 -> proceeding (report response)',
    'proceeding -> 1xx -> proceeding (start C, report response)',
    'proceeding -> 2xx -> accepted (stop C, start M, report response)',
    `proceeding -> 3xx -> ${completed} (stop C, ${startD}send ACK, report response)`,
    'proceeding -> cancel -> cancelled (stop C, start X, send CANCEL)',
    'proceeding -> timer C -> cancelled (start X, send CANCEL)',
    'cancelled -> 2xx -> accepted (stop X, start M, report response)',
    `cancelled -> 3xx -> ${completed} (stop X, ${startD}send ACK, report response)`,
    'cancelled -> timer X -> terminated (report timeout)',
    'completed -> 3xx -> completed (send ACK)',
    'completed -> timer D -> terminated ()',
    'completed -> transport error -> terminated ()',
    'accepted -> 2xx -> accepted (report response)',
    'accepted -> timer M -> terminated ()',
  ];
};

const nonInviteClientArrows = (reliable: boolean): string[] => [
  ...['2xx', '3xx'].flatMap((response) =>
    ['trying', 'proceeding'].map((state) =>
      reliable
        ? `${state} -> ${response} -> terminated (stop F, report response)`
        : `${state} -> ${response} -> completed (stop E, stop F, start K, report response)`,
    ),
  ),
  ...['100', '1xx'].flatMap((response) =>
    ['trying', 'proceeding'].map((state) => `${state} -> ${response} -> proceeding (report response)`),
  ),
  ...['trying', 'proceeding'].flatMap((state) => [
    `${state} -> timer F -> terminated (report timeout)`,
    `${state} -> transport error -> terminated (report failure)`,
  ]),
  'trying -> timer E -> trying (back off E, send request)',
  'proceeding -> timer E -> proceeding (hold E, send request)',
  'completed -> timer K -> terminated ()',
];

const inviteServerArrows = (reliable: boolean): string[] => [
  'proceeding -> request -> proceeding (repeat response)',
  'proceeding -> send 100 -> proceeding (stop T, send response)',
  'proceeding -> send 1xx -> proceeding (stop T, send response)',
  'proceeding -> send 2xx -> accepted (stop T, start L, send response)',
  `proceeding -> send 3xx -> completed (stop T, ${reliable ? '' : 'start G, '}start H, send response)`,
  'proceeding -> timer T -> proceeding (send 100)',
  'completed -> request -> completed (repeat response)',
  reliable
    ? 'completed -> ack -> terminated (stop H)'
    : 'completed -> ack -> confirmed (stop G, stop H, start I)',
  'completed -> timer G -> completed (back off G, repeat response)',
  'completed -> timer H -> terminated (report timeout)',
  'completed -> transport error -> terminated (report failure)',
  'confirmed -> timer I -> terminated ()',
  'accepted -> send 2xx -> accepted (send response)',
  'accepted -> ack -> accepted (report ACK)',
  'accepted -> timer L -> terminated ()',
];

const nonInviteServerArrows = (reliable: boolean): string[] => [
  reliable ? 'trying -> send 100 -> proceeding (stop P, send response)' : 'trying -> send 100 -> trying ()',
  ...['send 2xx', 'send 3xx'].flatMap((event) =>
    reliable
      ? [
          `trying -> ${event} -> terminated (stop P, stop U, send response)`,
          `proceeding -> ${event} -> terminated (stop U, send response)`,
        ]
      : [
          `trying -> ${event} -> completed (stop P, stop U, start J, send response)`,
          `proceeding -> ${event} -> completed (stop U, start J, send response)`,
        ],
  ),
  'trying -> timer P -> proceeding (send 100)',
  'trying -> timer U -> terminated (report timeout)',
  'proceeding -> request -> proceeding (repeat response)',
  'proceeding -> timer U -> terminated (report timeout)',
  'completed -> request -> completed (repeat response)',
  'completed -> timer J -> terminated ()',
  'completed -> transport error -> terminated (report failure)',
];

const arrowsOf = (machine: AnyMachine<string>): string[] =>
  Object.entries(machine.table).flatMap(([state, events]) =>
    Object.entries(events).map(
      ([event, t]) => `${state} -> ${event} -> ${t?.to} (${t?.effects.map(printEffect).join(', ')})`,
    ),
  );

const cases = [
  { name: 'INVITE client (RFC 3261 §17.1.1, RFC 6026 §7.2)', make: inviteClient, arrows: inviteClientArrows },
  { name: 'non-INVITE client (RFC 3261 §17.1.2)', make: nonInviteClient, arrows: nonInviteClientArrows },
  { name: 'INVITE server (RFC 3261 §17.2.1, RFC 6026 §7.1)', make: inviteServer, arrows: inviteServerArrows },
  {
    name: 'non-INVITE server (RFC 3261 §17.2.2, RFC 4320)',
    make: nonInviteServer,
    arrows: nonInviteServerArrows,
  },
];

for (const { name, make, arrows } of cases) {
  for (const reliable of [false, true]) {
    describe(`${name}, ${reliable ? 'reliable' : 'unreliable'}`, () => {
      const machine: AnyMachine<string> = make(reliable);
      const actual = arrowsOf(machine);
      for (const arrow of arrows(reliable)) it(arrow, () => assert.ok(actual.includes(arrow)));
      it('has no other arrows', () => assert.deepEqual([...actual].sort(), [...arrows(reliable)].sort()));

      it('reaches every state, and ends from each of them', () => {
        const reached = new Set([machine.initial.to]);
        for (const state of reached) {
          for (const t of Object.values(machine.table[state] ?? {})) if (t !== undefined) reached.add(t.to);
        }
        const unreachable = Object.keys(machine.table).filter((state) => !reached.has(state));
        // Over a reliable transport there is nothing to wait for in these (RFC 3261 §17).
        assert.deepEqual(
          unreachable,
          reliable ? unreachable.filter((s) => /completed|confirmed/.test(s)) : [],
        );
      });

      it('never wedges: after any events, its timers alone end it, and none is left running', () => {
        const events = [...new Set(Object.values(machine.table).flatMap((t) => Object.keys(t)))];
        fc.assert(
          fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (story) => {
            const running = new Map<TimerName, number>();
            let state = machine.initial.to;
            let now = 0;
            const apply = (effects: typeof machine.initial.effects): void => {
              for (const effect of effects) {
                if (!('timer' in effect)) continue;
                if (effect.do === 'stop') running.delete(effect.timer);
                else running.set(effect.timer, now + Math.max(1, firstInterval[effect.timer](defaultTimers)));
              }
            };
            const dispatch = (event: string): void => {
              const t = step(machine, state, event);
              if (t === undefined) return;
              state = t.to;
              apply(t.effects);
              if (state === 'terminated') running.clear();
            };
            apply(machine.initial.effects);
            for (const event of story) {
              // A timer event happens only while that timer runs.
              const timer = event.startsWith('timer ') ? (event.slice(6) as TimerName) : undefined;
              if (timer !== undefined && !running.delete(timer)) continue;
              dispatch(event);
            }
            // The user of an INVITE server transaction owes a final response; the core sees to that.
            if (make === inviteServer && state === 'proceeding') dispatch('send 3xx');
            for (let i = 0; i < 200 && running.size > 0; i++) {
              const [timer, at] = [...running].sort((a, b) => a[1] - b[1])[0] ?? assert.fail();
              now = at;
              running.delete(timer);
              dispatch(`timer ${timer}`);
            }
            assert.equal(state, 'terminated');
            assert.equal(running.size, 0);
          }),
        );
      });
    });
  }
}
