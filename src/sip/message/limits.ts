/** What a stranger may make us hold for one message. */
export type MessageLimits = {
  /** The whole message, start line to the end of the body, in bytes. */
  readonly messageBytes: number;
  /** Start line and header fields, in bytes. */
  readonly headerBytes: number;
  /** Header field lines. */
  readonly headerFields: number;
};

export const defaultMessageLimits: MessageLimits = Object.freeze({
  messageBytes: 65_535,
  headerBytes: 32_768,
  headerFields: 200,
});
