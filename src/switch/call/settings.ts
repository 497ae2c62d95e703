/** What the switch takes from the configuration. Times are seconds, as people write them. */
export type SwitchSettings = {
  readonly domain: string;
  readonly ring: {
    /** How long a call rings before 480. */
    readonly seconds: number;
    /** How long one member of an `order` group rings. */
    readonly memberSeconds: number;
  };
  /** Numbers that are always called, over any trunk, whatever stands against it. */
  readonly emergencyNumbers: readonly string[];
  readonly features: {
    /** Each code with its aliases; an empty list turns it off. */
    readonly codes: {
      readonly pull: readonly string[];
      readonly push: readonly string[];
      /** Takes a call of another user; nobody may unless the directory says so. */
      readonly grab: readonly string[];
      readonly thisDeviceOnly: readonly string[];
      readonly thatDeviceOnly: readonly string[];
      readonly allDevices: readonly string[];
      /** With a digit after it: that one of the user's profiles; 0 is none. */
      readonly profile: readonly string[];
      readonly doNotDisturb: readonly string[];
      readonly disturb: readonly string[];
    };
    /** Who answers a forwarded call that is to be confirmed: how long it has, and what it hears (`tone`, or a WAV file). */
    readonly confirm: { readonly seconds: number; readonly prompt: string };
    readonly push: {
      readonly ringSeconds: number;
      /** The longest pause while the target is dialled. */
      readonly dialSeconds: number;
      readonly callerHears: {
        readonly ownDevice: 'conversation' | 'ringback';
        readonly others: 'conversation' | 'ringback';
      };
      /** Ask a chosen own device to answer by itself. */
      readonly autoAnswer: boolean;
    };
    /** What a party on hold hears: `tone`, `none`, or the path of a WAV file at the media engine. */
    readonly hold: { readonly music: string };
    /** What a phone that rings alone shows behind the caller's name; nothing when it is empty. */
    readonly coldRoute: { readonly reminder: string };
    /** How long the far party is kept when a device dies; 0 ends the call at once. */
    readonly rescue: { readonly seconds: number };
    /** How long a `*` waits for the digit that makes it a code. */
    readonly starSeconds: number;
  };
  readonly routing: {
    /** The steps that rules may lead a call through in all, and how long that may take. */
    readonly maxSteps: number;
    readonly maxSeconds: number;
    /** Where a call goes that is meant for a mailbox, in place of one of ours: an extension or number; `busy` is none. */
    readonly mailboxFallback: string;
    /** The folder of announcements, at the media engine. */
    readonly announcements: string;
  };
  /** Mailboxes that are the switch's own. */
  readonly voicemail: {
    /** What a caller hears before the beep: `tone`, or the path of a WAV file at the media engine. */
    readonly greeting: string;
    /** The longest message, the silence that ends one, and the shortest that is kept. */
    readonly maxSeconds: number;
    readonly silenceSeconds: number;
    readonly leastSeconds: number;
    /** The most messages of one user. */
    readonly messages: number;
  };
  readonly limits: {
    /** New calls a second from one source address, and the burst above it. */
    readonly callsPerSecond: number;
    readonly callBurst: number;
    /** Live calls in all. */
    readonly calls: number;
    /** Live calls of one user. */
    readonly callsPerUser: number;
  };
};

/** What an omitted setting is. */
export const defaultSettings: Omit<SwitchSettings, 'domain'> = {
  ring: { seconds: 60, memberSeconds: 20 },
  emergencyNumbers: ['112', '911'],
  features: {
    codes: {
      pull: ['*33'],
      push: ['*9'],
      grab: [],
      thisDeviceOnly: ['*50'],
      thatDeviceOnly: ['*49'],
      allDevices: ['*51'],
      profile: ['*60'],
      doNotDisturb: ['*78'],
      disturb: ['*79'],
    },
    confirm: { seconds: 12, prompt: 'tone' },
    push: {
      ringSeconds: 30,
      dialSeconds: 10,
      callerHears: { ownDevice: 'conversation', others: 'ringback' },
      autoAnswer: false,
    },
    hold: { music: 'tone' },
    coldRoute: { reminder: 'only here' },
    rescue: { seconds: 30 },
    starSeconds: 1.5,
  },
  routing: { maxSteps: 16, maxSeconds: 180, mailboxFallback: 'busy', announcements: '' },
  voicemail: { greeting: 'tone', maxSeconds: 180, silenceSeconds: 10, leastSeconds: 1, messages: 100 },
  limits: { callsPerSecond: 20, callBurst: 100, calls: 20_000, callsPerUser: 50 },
};
