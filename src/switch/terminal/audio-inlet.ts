/** A file that is being recorded from what comes in. */
export interface Take {
  /** The clock's milliseconds when something louder than a quiet line last came; of its beginning, if nothing has. */
  readonly loudAt: number;
  /** Why nothing more goes to the file: the disk is full, or gone. */
  readonly failure: Error | undefined;
  /** Resolves with its length in seconds when the file is whole; it never rejects. */
  stop(): Promise<number>;
}

/** Where a media engine sends what the other side of a leg says that ends in the switch. */
export interface AudioInlet {
  /** What it says of itself (SDP): an address that the media engine reaches, G.711, telephone events. */
  readonly sdp: string;
  /** Takes in only what comes from where the engine sends, which its own description says. */
  hear(sdp: string): void;
  /** Begins a mono WAV file (8 kHz, 16 bit), which must not exist yet; rejects where it cannot be made. One at a time. */
  record(file: string): Promise<Take>;
  /** Ends a recording under way, too. */
  close(): void;
}

/** Opens inlets; rejects when there is no port left, or when too many are open. */
export interface AudioInlets {
  open(): Promise<AudioInlet>;
}

/** Where there are none: no leg can end here. */
export const noInlets: AudioInlets = {
  open: () => Promise.reject(new Error('nothing takes sound in here')),
};
