const ipv4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?:\.(?!$)|$)){4}$/;
const group = /^[0-9A-Fa-f]{1,4}$/;

export const isIPv4 = (text: string): boolean => ipv4.test(text);

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));

/** Whether the text is an IPv6 address (RFC 4291 §2.2), brackets and zone not included. */
export const isIPv6 = (text: string): boolean => {
  if (text.length < 2 || text.length > 45) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap(groupsOf);
  const last = groups.at(-1) ?? '';
  // The last 32 bits may be written as an IPv4 address.
  if (isIPv4(last) && text.endsWith(last)) groups.splice(-1, 1, '0', '0');
  return (
    groups.every((g) => group.test(g)) && (halves.length === 1 ? groups.length === 8 : groups.length <= 7)
  );
};
