/** What the switch answered, when it was no success. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;

  constructor(status: number, title: string) {
    super(title);
    this.status = status;
  }
}

export type Json = Readonly<Record<string, unknown>>;

/** The HTTP API as the command line uses it. Rejects with `ApiProblem`, or with what keeps it from the server. */
export class ApiClient {
  readonly #server: string;
  readonly #token: string | undefined;

  constructor(server: string, token: string | undefined) {
    this.#server = server.replace(/\/+$/, '');
    this.#token = token;
  }

  async ask(method: string, path: string, body?: unknown): Promise<Json> {
    const response = await this.#send(method, path, body);
    const text = await response.text();
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  async text(path: string): Promise<string> {
    return (await this.#send('GET', path)).text();
  }

  /** What a request is answered with, as it comes. */
  async download(method: string, path: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#send(method, path);
    return body ?? new ReadableStream();
  }

  /** The blocks of the event stream, as they come, until `signal` ends it. */
  async *events(signal: AbortSignal): AsyncGenerator<{ readonly name: string; readonly data: Json }> {
    const response = await this.#send('GET', '/events', undefined, signal);
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const name = /^event: (.*)$/m.exec(block)?.[1];
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) as Json };
      }
    }
  }

  async #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await fetch(`${this.#server}/api/v1${path}`, {
      method,
      headers: {
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.ok) return response;
    throw new ApiProblem(response.status, titleOf(await response.text()) ?? response.statusText);
  }
}

function titleOf(text: string): string | undefined {
  try {
    const { title, detail } = JSON.parse(text) as { readonly title?: string; readonly detail?: string };
    return detail === undefined ? title : `${title}: ${detail}`;
  } catch {
    return undefined;
  }
}
