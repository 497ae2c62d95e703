import { createRequest, parseNameAddress, type HeaderField, type SipRequest } from '../message/index.ts';
import type { Destination, Listener } from '../transport/index.ts';
import { endDialog, newTag, ownContact, type CoreContext } from './context.ts';
import { cseqNumber, requestIn, routingOf } from './dialog-state.ts';
import type { LiveDialog } from './live-dialog.ts';
import { Outgoing, type OutgoingOwner } from './outgoing.ts';
import { canBeDialled, destinationsIn } from './path.ts';
import type { InDialogSpec, RequestError, RequestHandlers, RequestSpec } from './types.ts';

/** What the core writes itself. */
const ours = new Set(['via', 'content-length']);
const oursInDialog = new Set([
  'via',
  'content-length',
  'from',
  'to',
  'call-id',
  'cseq',
  'route',
  'record-route',
  'max-forwards',
]);

const without = (fields: Iterable<HeaderField> | undefined, names: ReadonlySet<string>): HeaderField[] =>
  [...(fields ?? [])].filter(({ name }) => !names.has(name.toLowerCase()));

/** Requests that make dialogs or refresh their target carry our Contact (RFC 3261 §8.1.1.8, §12.2; RFC 3515, RFC 6665). */
const withContact = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);
const withContactInDialog = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'REFER', 'NOTIFY']);

type Preparing = {
  readonly prepare?: ((request: SipRequest, listener: Listener) => string | undefined) | undefined;
};

export const fieldNamed = (fields: readonly HeaderField[], name: string): string | undefined =>
  fields.find((field) => field.name.toLowerCase() === name)?.value;

/** Puts requests together and sends them on their way. */
export class Launcher {
  readonly #context: CoreContext;
  /** Whom the responses go to. */
  owner: OutgoingOwner | undefined;
  #ids = 0;
  #live = 0;

  constructor(context: CoreContext) {
    this.#context = context;
  }

  /** Requests that wait for their final response. */
  get live(): number {
    return this.#live;
  }

  open(method: string, dialog: LiveDialog | undefined, handlers: RequestHandlers): Outgoing {
    const { owner } = this;
    if (owner === undefined) throw new Error('the launcher has no owner yet');
    const id = `${this.#context.random.hex(4)}-${(this.#ids++).toString(36)}`;
    this.#live++;
    return new Outgoing({ id, method, dialog, handlers, owner });
  }

  fail(outgoing: Outgoing, error: RequestError, detail: string): void {
    this.complete(outgoing);
    this.#afterBye(outgoing, error);
    if (outgoing.told) return;
    outgoing.told = true;
    if (outgoing.abandoned === undefined) outgoing.handlers.onSent({ ok: false, error, detail }, outgoing);
  }

  /** A BYE that cannot be sent ends the dialog all the same, unless its user can put it right. */
  #afterBye({ method, dialog }: Outgoing, error: RequestError): void {
    if (method !== 'BYE' || dialog === undefined || error === 'no-dialog') return;
    if (error === 'refused') dialog.byeSent = false;
    else endDialog(this.#context, dialog, 'bye-sent');
  }

  /** It has its final response, or will have none. */
  complete(outgoing: Outgoing): void {
    if (outgoing.state === 'completed') return;
    outgoing.state = 'completed';
    this.#live--;
    const { dialog } = outgoing;
    if (dialog?.sentInvite === outgoing) dialog.sentInvite = undefined;
    if (outgoing.inDialog && outgoing.method === 'UPDATE' && dialog !== undefined) dialog.sentUpdate = false;
    const done = outgoing.cancelWish?.done;
    if (outgoing.cancelWish !== undefined) outgoing.cancelWish.done = undefined;
    done?.({ ok: false, error: 'refused', detail: 'the INVITE has its final response already' });
  }

  /** A request outside dialogs with everything that it lacks (RFC 3261 §8.1.1). */
  newRequest(spec: RequestSpec): SipRequest {
    const given = without(spec.headers, ours);
    const { random } = this.#context;
    const fields: HeaderField[] = [];
    const put = (name: string, value: string): void => {
      if (fieldNamed(given, name.toLowerCase()) === undefined) fields.push({ name, value });
    };
    put('Max-Forwards', '70');
    put('From', `<sip:anonymous@anonymous.invalid>;tag=${newTag(this.#context)}`);
    put('To', `<${spec.uri}>`);
    put('Call-ID', random.hex(16));
    put('CSeq', `${1 + Math.floor(random.unit() * 0x3fffffff)} ${spec.method}`);
    const request = createRequest(spec.method, spec.uri, [...fields, ...given], spec.body);
    const number = cseqNumber(request);
    request.headers.set('CSeq', `${number} ${spec.method}`);
    const from = request.headers.get('From') ?? '';
    if (parseNameAddress(from)?.parameters.has('tag') === false) {
      request.headers.set('From', `${from};tag=${newTag(this.#context)}`);
    }
    return request;
  }

  /** Builds and sends a request in a dialog. */
  sendIn(outgoing: Outgoing, dialog: LiveDialog, spec: InDialogSpec): void {
    const routing = routingOf(dialog.path, spec.uri);
    const number = ++dialog.localCSeq;
    const request = requestIn(dialog.identity, routing, { method: spec.method, number });
    for (const { name, value } of without(spec.headers, oursInDialog)) request.headers.add(name, value);
    if (spec.body !== undefined) request.body = spec.body;
    destinationsIn(this.#context, dialog, routing.nextHop, (destinations) =>
      this.launch(outgoing, request, destinations, spec),
    );
  }

  launch(
    outgoing: Outgoing,
    request: SipRequest,
    found: readonly Destination[],
    { prepare }: Preparing,
  ): void {
    const { transport, transactions, counters } = this.#context;
    if (outgoing.cancelled) return this.fail(outgoing, 'refused', 'cancelled before it was sent');
    if (found.length === 0) return this.fail(outgoing, 'unresolved', `nowhere to send ${request.uri}`);
    const destinations = found.filter(canBeDialled);
    const usable = destinations.find((d) => transport.listenerFor(d) !== undefined);
    const listener = usable && transport.listenerFor(usable);
    if (usable === undefined || listener === undefined) {
      return this.fail(outgoing, 'no-transport', 'requested protocol/transport not available');
    }
    this.#addAddresses(outgoing, request, usable);
    const refusal = prepare?.(request, listener);
    if (refusal !== undefined) return this.fail(outgoing, 'refused', refusal);
    outgoing.request = request;
    counters.requestsOut++;
    outgoing.client = transactions.request(request, destinations, outgoing);
    if (outgoing.cancelWish !== undefined) this.cancelNow(outgoing);
  }

  cancelNow(outgoing: Outgoing): void {
    const wish = outgoing.cancelWish;
    if (wish === undefined) return;
    outgoing.client?.cancel(wish.headers, (message, result) => {
      const { done } = wish;
      wish.done = undefined;
      if (result.ok) done?.({ ok: true, message, flow: result.flow, bytes: result.bytes });
      else done?.({ ok: false, error: 'transport', detail: result.detail });
    });
  }

  /** From without a host of its own, and Contact: they name the listener that the request leaves from. */
  #addAddresses(outgoing: Outgoing, request: SipRequest, destination: Destination): void {
    const { headers } = request;
    const contact = outgoing.dialog?.localContact ?? '';
    const own = () => ownContact(this.#context, destination, request.uri);
    const wanted = outgoing.inDialog ? withContactInDialog : withContact;
    if (wanted.has(outgoing.method) && !headers.has('Contact')) {
      outgoing.ownContact = contact === '';
      headers.add('Contact', contact === '' ? own() : contact);
    }
    const from = headers.get('From') ?? '';
    if (from.startsWith('<sip:anonymous@anonymous.invalid>') && !outgoing.inDialog) {
      headers.set('From', from.replace('<sip:anonymous@anonymous.invalid>', own()));
    }
  }
}
