import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { Emitter } from '../base/index.ts';
import type { CallEvents, CallView, FlipView } from '../switch/index.ts';
import { countFlips } from './flip-metrics.ts';

describe('metrics of flips', () => {
  const flip = (change: Partial<FlipView>): CallEvents['flip'] => ({
    call: {} as CallView,
    flip: { id: 'f', kind: 'pull', party: 'callee', startedAt: 0, result: 'moved', ...change },
  });

  it('counts by kind and result; a figure that was not measured is not observed', async () => {
    const registry = new Registry();
    const events = new Emitter<CallEvents>();
    const stop = countFlips(registry, events);
    events.emit('flip', flip({ result: 'ringing' }));
    events.emit('flip', flip({ gap_ms: 19.5, lost_packets: 0, setup_ms: 4 }));
    events.emit('flip', flip({ result: 'failed', reason: 'no' }));
    const text = await registry.metrics();
    assert.match(text, /flipswitch_flips_total\{kind="pull",result="moved"\} 1/);
    assert.match(text, /flipswitch_flips_total\{kind="pull",result="failed"\} 1/);
    assert.match(text, /flipswitch_flip_gap_ms_bucket\{le="20",kind="pull"\} 1/);
    assert.match(text, /flipswitch_flip_lost_packets_bucket\{le="0",kind="pull"\} 1/);
    assert.doesNotMatch(text, /flipswitch_flip_audio_ms_count\{/);
    stop();
    events.emit('flip', flip({}));
    assert.match(await registry.metrics(), /flipswitch_flips_total\{kind="pull",result="moved"\} 1/);
  });
});
