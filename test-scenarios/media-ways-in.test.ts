import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { parseNgMessage, printNgMessage, type NgDictionary } from '../src/ng/index.ts';
import { MediaKit } from './media-kit.ts';

const anywhere = { address: '127.0.0.1', port: 0 };

describe('media: ng over TCP and WebSocket', () => {
  let kit: MediaKit;
  before(async () => {
    kit = await MediaKit.start({ listenTcp: anywhere, listenWebSocket: anywhere });
  });
  after(() => kit.close());

  const opened = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(kit.engine.tcpPort ?? 0, '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    });

  it('takes several commands in one piece over TCP, and answers each', async () => {
    const socket = await opened();
    const commands: NgDictionary[] = [{ command: 'ping' }, { command: 'query', 'call-id': 'nobody' }];
    const requests = commands.map((body, i) => printNgMessage(`c${i}`, i === 0 ? 'bencode' : 'json', body));
    const expected = ['c0 d6:result4:ponge', 'c1 {"result":"error","error-reason":"Unknown call-id"}'];
    let got = '';
    const whole = new Promise<void>((resolve) => {
      socket.on('data', (octets) => {
        got += octets.toString('latin1');
        if (expected.every((text) => got.includes(text))) resolve();
      });
    });
    socket.write(Buffer.concat(requests));
    await whole;
    assert.equal(got.length, expected.join('').length);
    socket.destroy();
  });

  it('ends a TCP connection that carries anything else', async () => {
    const socket = await opened();
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await ended;
  });

  it('takes a command a message over WebSocket, by the sub-protocol of rtpengine', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${kit.engine.webSocketPort}/`, 'ng.rtpengine.com');
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const reply = new Promise<Buffer>((resolve) => {
      socket.once('message', (data: Buffer) => resolve(data));
    });
    socket.send(printNgMessage('w1', 'json', { command: 'ping' }));
    const message = parseNgMessage(await reply);
    assert.deepEqual([message?.cookie, message?.body], ['w1', { result: 'pong' }]);
    socket.terminate();
  });
});
