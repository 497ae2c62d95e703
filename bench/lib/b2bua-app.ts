import Srf from 'drachtio-srf';

/**
 * The application that the signaling engines are compared with: every INVITE becomes a call to one address.
 *
 * node bench/lib/b2bua-app.ts ADMIN_HOST ADMIN_PORT SECRET sip:answerer@127.0.0.1:5080
 */
const [host = '127.0.0.1', port = '9022', secret = 'cymru', target = ''] = process.argv.slice(2);
const srf = new Srf();
void srf.connect({ host, port: Number(port), secret });
srf.on('connect', (error: Error | null) => {
  if (error) throw error;
  console.log('connected');
});
srf.on('error', (error: Error) => console.error(error.message));
srf.invite((req, res) => {
  srf
    .createB2BUA(req, res, target, {})
    .then(({ uas, uac }) => {
      uas.other = uac;
      uac.other = uas;
      for (const dialog of [uas, uac]) dialog.on('destroy', () => dialog.other?.destroy());
    })
    .catch(() => undefined);
});
