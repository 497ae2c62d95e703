/** rtpengine-client 0.4.12 ships no declarations; this is what `rtpengine.ts` uses of it. */
declare module 'rtpengine-client' {
  export const Client: new (options: { timeout: number }) => object;
}
