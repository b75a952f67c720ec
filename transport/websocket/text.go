package websocket

import "unicode/utf8"

// textCheck sees whether a text that comes in pieces is UTF-8. It fails at the first byte that no valid text could have there.
type textCheck struct {
	cut  [utf8.UTFMax]byte // the character that the last piece has cut
	held uint8             // how many bytes of it have come
}

// take takes the next piece. It returns false where the text is not valid, at its end also for half a character.
func (c *textCheck) take(p []byte, last bool) bool {
	for c.held > 0 && len(p) > 0 {
		c.cut[c.held], p = p[0], p[1:]
		c.held++
		if !utf8.FullRune(c.cut[:c.held]) {
			continue
		}
		if !utf8.Valid(c.cut[:c.held]) {
			return false
		}
		c.held = 0
	}
	if len(p) > 0 {
		whole := len(p)
		for i := len(p) - 1; i >= max(0, len(p)-utf8.UTFMax+1); i-- {
			if utf8.RuneStart(p[i]) {
				if !utf8.FullRune(p[i:]) {
					whole = i
				}
				break
			}
		}
		c.held = uint8(copy(c.cut[:], p[whole:]))
		if !utf8.Valid(p[:whole]) {
			return false
		}
	}
	return !last || c.held == 0
}
