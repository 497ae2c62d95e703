import assert from 'node:assert/strict';
import { createLogger, type LogOptions } from './create-logger.ts';

function lines(options: Partial<LogOptions>, write: (log: ReturnType<typeof createLogger>) => void) {
  const out: string[] = [];
  const log = createLogger(
    { level: 'info', numbers: false, sdp: false, ...options },
    { write: (line) => void out.push(line) },
  );
  write(log);
  return out.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('log', () => {
  it('hides numbers, names and session descriptions', () => {
    const [line] = lines({}, (log) =>
      log.child({ call: 'c1', user: '100@pbx.test' }).info(
        {
          from: '"Ada" <sip:+15550123@pbx.test>',
          extension: 1001,
          name: 'Ada',
          sdp: 'v=0',
          leg: { to: '2001' },
        },
        'ringing',
      ),
    );
    assert.deepEqual(
      { ...line, time: '', level: 0 },
      {
        level: 0,
        time: '',
        call: 'c1',
        user: '*00@pbx.test',
        from: '"*" <sip:+******23@pbx.test>',
        extension: '**01',
        name: '**a',
        sdp: '[not logged]',
        leg: { to: '**01' },
        msg: 'ringing',
      },
    );
  });

  it('writes them when asked to', () => {
    const [line] = lines({ numbers: true, sdp: true }, (log) => log.info({ from: '100', sdp: 'v=0' }, 'x'));
    assert.equal(line?.['from'], '100');
    assert.equal(line?.['sdp'], 'v=0');
  });

  it('keeps to its level', () => {
    assert.equal(lines({ level: 'warn' }, (log) => log.info({}, 'quiet')).length, 0);
  });
});
