// Topics and patterns, as docs/wire.md has them: segments split by "/", "*" for one segment, a last "**" for any number.

/**
 * Whether the pattern (or plain topic) matches the topic.
 * @param {string} pattern
 * @param {string} topic
 * @returns {boolean}
 */
export function matches(pattern, topic) {
  var wanted = pattern.split("/");
  var given = topic.split("/");
  var i = 0;
  while (i < given.length && (wanted[i] === "*" || wanted[i] === given[i])) {
    i++;
  }
  var rest = wanted.slice(i).join("/");
  return (
    pattern === topic ||
    // What begins with "$" is the gateway's own: no pattern matches it.
    (topic.charAt(0) !== "$" && (rest === "**" || (!rest && i === given.length)))
  );
}
