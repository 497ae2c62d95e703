/** drachtio-fn-b2b-sugar 0.2.1 ships no declarations; this is what `forward.ts` uses of it. */
declare module 'drachtio-fn-b2b-sugar' {
  type Response = {
    readonly status: number;
    readonly body: string;
    has(name: string): boolean;
    get(name: string): string;
  };
  type Handler = (
    req: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
    res: { send(status: number, options: { headers: Record<string, string>; body?: string }): void },
  ) => void;
  interface Forwarded {
    readonly other: Forwarded | undefined;
    on(method: string, handler: Handler): void;
    request(options: { method: string; headers: Record<string, string>; body: string }): Promise<Response>;
  }
  /** Both must be instances of a class named `Dialog`. */
  export function forwardInDialogRequests(dialog: Forwarded, methods: readonly string[]): void;
}
