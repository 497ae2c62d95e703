import assert from 'node:assert/strict';
import { DirectoryConflict } from './directory-store.ts';
import { MemoryDirectoryStore } from './memory/directory-store.ts';
import { DoubtfulOutcome, StoreUnavailable, WriteThrough, type Change } from './write-through.ts';

const domain = 'pbx.test';
const user = (extension: string, name = extension) => ({ id: `u${extension}`, domain, extension, name });

/** A place that takes changes when the test says so. */
class Place {
  readonly saved: Change[][] = [];
  #next: ((work: () => void) => Promise<void>) | undefined;

  save(changes: readonly Change[]): Promise<void> {
    const work = () => void this.saved.push([...changes]);
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) return next(work);
    work();
    return Promise.resolve();
  }

  /** What becomes of the next save. */
  becomes(next: (work: () => void) => Promise<void>): void {
    this.#next = next;
  }
}

describe('changes that are written before they are seen', () => {
  let place: Place;
  let through: WriteThrough;
  let directory: MemoryDirectoryStore;
  beforeEach(async () => {
    place = new Place();
    through = new WriteThrough(place);
    directory = new MemoryDirectoryStore(undefined, through);
    await directory.putDomain({ name: domain, aliases: [] });
  });

  it('are seen only when they are durable', async () => {
    let done: () => void = () => undefined;
    place.becomes(async (work) => {
      await new Promise<void>((resolve) => (done = resolve));
      work();
    });
    const heard: string[] = [];
    directory.events.on('changed', ({ id }) => heard.push(id));
    const put = directory.putUser(user('100'));
    await new Promise(setImmediate);
    assert.equal(directory.user(domain, '100'), undefined);
    assert.deepEqual(heard, []);
    done();
    await put;
    assert.equal(directory.user(domain, '100')?.name, '100');
    assert.deepEqual(heard, ['u100']);
  });

  it('are looked at one after the other: of two that contradict each other one is refused, and never written', async () => {
    const results = await Promise.allSettled([
      directory.putUser(user('100')),
      directory.putUser({ ...user('100'), id: 'thief' }),
    ]);
    assert.equal(results[0].status, 'fulfilled');
    assert.ok(results[1].status === 'rejected' && results[1].reason instanceof DirectoryConflict);
    assert.equal(place.saved.length, 2, 'the domain and one user');
    assert.equal(directory.user(domain, '100')?.id, 'u100');
  });

  it('change nothing when they cannot be written, and can be tried again', async () => {
    await directory.putUser(user('100'));
    place.becomes(() => Promise.reject(new StoreUnavailable('disk full')));
    await assert.rejects(directory.removeUser('u100'), StoreUnavailable);
    assert.equal(directory.user(domain, '100')?.id, 'u100');
    await directory.removeUser('u100');
    assert.equal(directory.user(domain, '100'), undefined);
  });

  for (const written of [true, false])
    it(`whose outcome is not known count once it is: ${written ? 'written' : 'not written'}`, async () => {
      let reachable = false;
      place.becomes(async () => {
        const settle = async () => {
          if (!reachable) throw new StoreUnavailable('still away');
          return written;
        };
        throw new DoubtfulOutcome('connection lost', settle, undefined);
      });
      await assert.rejects(directory.putUser(user('100')), DoubtfulOutcome);
      assert.equal(directory.user(domain, '100'), undefined, 'not acknowledged');
      await assert.rejects(directory.putUser(user('200')), /still away/);
      assert.equal(place.saved.length, 1, 'nothing is written while it is not known');
      reachable = true;
      await through.settle();
      assert.equal(directory.user(domain, '100') !== undefined, written);
      await directory.putUser(user('200'));
      assert.equal(directory.user(domain, '200')?.id, 'u200');
    });
});
