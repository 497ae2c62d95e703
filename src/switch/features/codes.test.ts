import assert from 'node:assert/strict';
import { defaultSettings } from '../call/settings.ts';
import { parseCode } from './codes.ts';

const { codes } = defaultSettings.features;

describe('feature codes', () => {
  it('S0-55 *33 pulls; S0-18 S0-56 *331002 pulls from 1002', () => {
    assert.deepEqual(parseCode('*33', codes), { feature: 'pull', argument: '' });
    assert.deepEqual(parseCode('*331002', codes), { feature: 'pull', argument: '1002' });
  });

  it('S0-59 S0-60 S0-61 *50, *49EXT, *51', () => {
    assert.deepEqual(parseCode('*50', codes), { feature: 'thisDeviceOnly', argument: '' });
    assert.deepEqual(parseCode('*491002', codes), { feature: 'thatDeviceOnly', argument: '1002' });
    assert.deepEqual(parseCode('*51', codes), { feature: 'allDevices', argument: '' });
    assert.equal(parseCode('*501', codes), undefined);
    assert.equal(parseCode('*49', codes), undefined);
  });

  it('S1-06 codes have aliases, and an empty list turns one off', () => {
    const own = { ...codes, pull: ['*11', '*44'], push: [] };
    assert.deepEqual(parseCode('*442', own), { feature: 'pull', argument: '2' });
    assert.equal(parseCode('*33', own), undefined);
    assert.equal(parseCode('*9', own), undefined);
  });

  it('the longest code wins', () => {
    const own = { ...codes, pull: ['*3', '*33'] };
    assert.deepEqual(parseCode('*331', own), { feature: 'pull', argument: '1' });
  });

  it('an ordinary number is no code', () => assert.equal(parseCode('100', codes), undefined));
});
