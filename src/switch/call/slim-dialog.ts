import { ownText } from '../../base/index.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

/**
 * Takes a dialog's INVITE and its answer from it, once all that is to be known of them is known: they would be kept for
 * as long as the call, and are a quarter of what it takes. drachtio-srf goes on with the method, the connection and the id.
 */
export function slim(dialog: SrfDialog): void {
  const { req, res, sip, local, remote, srf } = dialog;
  // It keeps its listeners, and they all of the ringing.
  req?.removeAllListeners();
  if (req === undefined || res === undefined) return;
  // It is known by its id, which is cut from the answer.
  srf.removeDialog(dialog);
  const { method, socket } = req;
  dialog.req = { method, socket } as unknown as SrfRequest;
  dialog.res = { stackDialogId: ownText(dialog.id) } as unknown as SrfResponse;
  const { callId, localTag, remoteTag } = sip;
  dialog.sip = { callId: ownText(callId), localTag: ownText(localTag), remoteTag: ownText(remoteTag) };
  if (local.contact !== undefined) dialog.local = { ...local, contact: ownText(local.contact) };
  dialog.remote = { uri: ownText(remote.uri), sdp: ownText(remote.sdp || '') };
  srf.addDialog(dialog);
}
