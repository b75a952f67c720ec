package wire

import (
	"fmt"
	"testing"
)

// BenchmarkGzipped is what a message costs once, for everybody.
func BenchmarkGzipped(b *testing.B) {
	format := Gzipped(NDJSON, 0)
	for _, n := range []int{64, 128, 256, 512, 1024, 4096, 65536} {
		m := said(string(readings(n)))
		plain := len(m.Encoded(NDJSON))
		b.Run(fmt.Sprint(plain), func(b *testing.B) {
			b.ReportAllocs()
			var size int
			for b.Loop() {
				size = len(format.Append(nil, m))
			}
			b.ReportMetric(float64(size)/float64(plain), "of-plain")
		})
	}
}

// BenchmarkGzipSum is what a unit costs each connection beyond its write.
func BenchmarkGzipSum(b *testing.B) {
	for name, data := range map[string][]byte{"stored": readings(300), "deflated": readings(1024)} {
		unit := said(string(data)).Encoded(Gzipped(NDJSON, DefaultDeflateFrom))
		parts := [][]byte{unit}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var s GzipSum
			for b.Loop() {
				s.Wrote(parts, len(unit), false, false)
			}
		})
	}
}

func BenchmarkAppendGzip(b *testing.B) {
	parts := [][]byte{readings(4096)}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = AppendGzip(out[:0], parts)
	}
}
