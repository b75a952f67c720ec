// Topics and patterns, as docs/wire.md has them: segments split by "/", "*" for one segment, a last "**" for any number.

/**
 * Whether the pattern (or plain topic) matches the topic.
 * @param {string} pattern
 * @param {string} topic
 * @returns {boolean}
 */
export function matches(pattern, topic) {
  if (pattern === topic) {
    return true;
  }
  if (pattern.indexOf("*") < 0) {
    return false;
  }
  var wanted = pattern.split("/");
  var given = topic.split("/");
  var i;
  if (given[0].charAt(0) === "$") {
    return false; // The gateway's own topics: no pattern matches them.
  }
  for (i = 0; i < wanted.length; i++) {
    if (wanted[i] === "**" && i === wanted.length - 1) {
      return true;
    }
    if (i >= given.length || (wanted[i] !== "*" && wanted[i] !== given[i])) {
      return false;
    }
  }
  return wanted.length === given.length;
}
