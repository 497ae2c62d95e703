export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed when it is JSON. */
  readonly body: Record<string, unknown> & { readonly items: readonly Record<string, unknown>[] };
  readonly text: string;
};

type Options = { readonly body?: unknown; readonly headers?: Record<string, string> };

/** One who uses the API: the administrator, a user, or nobody. */
export class Client {
  readonly #base: string;
  readonly token: string | undefined;

  constructor(base: string, token: string | undefined) {
    this.#base = base;
    this.token = token;
  }

  async ask(method: string, path: string, { body, headers }: Options = {}): Promise<Answer> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (json ? JSON.parse(text) : {}) as Answer['body'],
    };
  }

  get = (path: string, options?: Options) => this.ask('GET', path, options);
  post = (path: string, body: unknown, options?: Options) => this.ask('POST', path, { ...options, body });
  put = (path: string, body: unknown, options?: Options) => this.ask('PUT', path, { ...options, body });
  delete = (path: string, options?: Options) => this.ask('DELETE', path, options);

  /** A session of this user. */
  async login(extension: string, pin = `${extension}0`): Promise<Client> {
    const { status, body } = await this.post('/api/v1/sessions', { extension, pin });
    if (status !== 201) throw new Error(`login of ${extension}: ${status} ${JSON.stringify(body)}`);
    return new Client(this.#base, body['token'] as string);
  }

  /** The event stream. */
  async events(lastEventId?: string): Promise<Events> {
    const abort = new AbortController();
    const response = await fetch(`${this.#base}/api/v1/events`, {
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: abort.signal,
    });
    return new Events(response, abort);
  }
}

export type ServerEvent = {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
};

/** An open event stream; what comes is kept and can be waited for. */
export class Events {
  readonly status: number;
  readonly type: string | null;
  readonly seen: ServerEvent[] = [];
  ended = false;
  readonly #abort: AbortController;
  readonly #lookers = new Set<() => void>();

  constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.type = response.headers.get('content-type');
    this.#abort = abort;
    void this.#read(response).catch(() => undefined);
  }

  async #read(response: Response): Promise<void> {
    let rest = '';
    try {
      for await (const chunk of response.body ?? []) {
        rest += Buffer.from(chunk as Uint8Array).toString();
        for (let cut = rest.indexOf('\n\n'); cut >= 0; cut = rest.indexOf('\n\n')) {
          this.#take(rest.slice(0, cut));
          rest = rest.slice(cut + 2);
        }
      }
    } finally {
      this.ended = true;
      for (const look of this.#lookers) look();
    }
  }

  #take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    if (field('event') === '') return;
    const data = JSON.parse(field('data')) as Record<string, unknown>;
    this.seen.push({ id: field('id'), name: field('event'), data });
    for (const look of this.#lookers) look();
  }

  /** The first event that fits, seen already or yet to come. */
  next(name: string, fits: (event: ServerEvent) => boolean = () => true): Promise<ServerEvent> {
    return new Promise((done, failed) => {
      const look = () => {
        const found = this.seen.find((event) => event.name === name && fits(event));
        if (found !== undefined) done(found);
        else if (this.ended) failed(new Error(`the stream ended without ${name}`));
        else return void this.#lookers.add(look);
        this.#lookers.delete(look);
        return undefined;
      };
      look();
    });
  }

  /** Resolves when the server ends it. */
  over(): Promise<void> {
    return new Promise((done) => {
      const look = () => void (this.ended && done());
      this.#lookers.add(look);
      look();
    });
  }

  close(): void {
    this.#abort.abort();
  }
}
