/**
 * A copy of a text. What is cut from a message, a header or a URI, keeps all of the message in memory for as long as it is
 * kept itself: what outlives the message is kept as a copy of its own.
 */
export const ownText = (text: string): string => Buffer.from(text).toString();
