package wire

// GzipParts is Parts for items that are in a gzip format of [Envelope] or were made by [AppendStored]. The deflated bytes are
// those that everybody shares. Where no item is deflated there is nothing to gain, and the parts are a plain body: gzipped says
// which it is.
func (p Poll) GzipParts() (parts [][]byte, size int, gzipped bool) {
	items := p.Items
	p.Items = make([][]byte, len(items))
	for i, item := range items {
		plain, rest, ok := nextStored(item)
		if !ok || string(rest) != FlushMark {
			return p.gzipParts(items)
		}
		p.Items[i] = plain
	}
	parts, size = p.Parts()
	return parts, size, false
}

func (p Poll) gzipParts(items [][]byte) (parts [][]byte, size int, gzipped bool) {
	p.Items = nil
	frame, _ := p.Parts() // what stands in front of the items, and behind them
	var sum GzipSum
	sum.AddPlain(frame[0])
	own := appendStored([]byte(GzipHead), frame[0])
	parts = make([][]byte, 0, 2+2*len(items))
	parts = append(parts, own)
	for i, item := range items {
		if i > 0 {
			parts = append(parts, storedComma)
			sum.AddPlain(comma)
		}
		parts = append(parts, item)
		sum.Add(item, false)
	}
	sum.AddPlain(frame[1])
	parts = append(parts, sum.AppendEnd(appendStored(nil, frame[1])))
	for _, part := range parts {
		size += len(part)
	}
	return parts, size, true
}

// storedComma is a comma in a gzip stream. No flush follows it, for it does not come alone.
var storedComma = appendStored(nil, comma)
