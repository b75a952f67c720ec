package server

import (
	"encoding/json"
	"strconv"

	"tidings/gateway"
)

// appendReceipt appends a receipt as the wire says it, with a status unless that is 0: in a batch.
func appendReceipt(dst []byte, r *gateway.Receipt, status int) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendText(dst, r.Topic)
	dst = append(dst, `,"cursor":"`...)
	dst = r.Cursor.Append(dst)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, r.Cursor.Seq, 10)
	dst = append(dst, `,"prev":`...)
	dst = strconv.AppendUint(dst, r.Prev, 10)
	dst = append(dst, `,"durability":`...)
	dst = appendText(dst, string(r.Durability))
	dst = append(dst, `,"followers":`...)
	dst = strconv.AppendInt(dst, int64(r.Followers), 10)
	dst = append(dst, `,"duplicate":`...)
	dst = strconv.AppendBool(dst, r.Duplicate)
	if status != 0 {
		dst = append(dst, `,"status":`...)
		dst = strconv.AppendInt(dst, int64(status), 10)
	}
	return append(dst, '}')
}

// appendText appends text as a string of JSON, as encoding/json writes it.
func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			b, _ := json.Marshal(text) // strings always marshal
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}

// The values of fields that many answers share. net/http copies the slices, and whoever appends to one gets another.
var (
	jsonField    = []string{"application/json"}
	noSniffField = []string{"nosniff"}
)

// answerReceipt answers with a receipt. The length is left to net/http, which knows it when the handler returns.
func (s *Server) answerReceipt(c *call, status int, r *gateway.Receipt) {
	h := c.w.Header()
	// No Cache-Control: what answers a POST or DELETE is not reused (RFC 9110 sections 9.3.3 and 9.3.5).
	h["Content-Type"], h["X-Content-Type-Options"] = jsonField, noSniffField
	c.scratch = r.Cursor.Append(c.scratch[:0])
	h["Tidings-Cursor"] = []string{string(c.scratch)}
	c.scratch = appendReceipt(c.scratch[:0], r, 0)
	c.scratch = append(s.piggyback(c, c.scratch[:len(c.scratch)-1]), "}\n"...)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(c.scratch) // whoever asked may have left
}
