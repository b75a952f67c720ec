package proxies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// table is what the tests find, as docs/fallback.md shows it.
const table = `| through | WebSocket | SSE | stream by GET | stream by POST | long poll | two long polls, one URL | poll | publish | batch, line by line |
|---|---|---|---|---|---|---|---|---|---|
| nginx, ` + "`proxy_pass`" + ` alone | refused | prompt | prompt | prompt | prompt | prompt | prompt | prompt | held |
| nginx, X-Accel-Buffering ignored | refused | held | held | held | prompt | prompt | prompt | prompt | held |
| nginx, the same, ` + "`proxy_http_version 1.1`" + ` | refused | prompt | prompt | prompt | prompt | prompt | prompt | prompt | held |
| nginx, ` + "`gzip`" + ` of everything | refused | prompt | prompt | prompt | prompt | prompt | prompt | prompt | held |
| nginx, ` + "`proxy_cache_lock`" + ` for everything | refused | prompt | prompt | prompt | prompt | missed | prompt | prompt | held |
| nginx, ` + "`configs/nginx.conf`" + ` | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt |
| HAProxy, as Debian ships it | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt |
| HAProxy, ` + "`option http-buffer-request`" + ` | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | held |
| HAProxy, ` + "`http-response wait-for-body`" + ` | prompt | held | held | held | prompt | prompt | prompt | prompt | prompt |
| HAProxy, ` + "`compression algo gzip`" + ` | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt |
| HAProxy, time-outs below what is silent | cut | cut | cut | cut | cut | cut | prompt | prompt | prompt |
| HAProxy, ` + "`configs/haproxy.cfg`" + ` | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt |
| Varnish, a ` + "`backend`" + ` alone | refused | prompt | prompt | prompt | prompt | missed | prompt | prompt | prompt |
| Varnish, ` + "`do_stream = false`" + ` | refused | held | held | held | prompt | missed | prompt | prompt | prompt |
| Varnish, ` + "`do_gzip = true`" + ` | refused | held | held | held | prompt | missed | prompt | prompt | prompt |
| Varnish, ` + "`configs/varnish.vcl`" + ` | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt | prompt |
`

// expected reads the table: setup → outcomes, in the order of the columns.
func expected(t *testing.T) map[string][]outcome {
	t.Helper()
	rows := map[string][]outcome{}
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		for _, cell := range cells[1:] {
			rows[cells[0]] = append(rows[cells[0]], outcome(cell))
		}
	}
	if len(rows) != len(setups) {
		t.Fatalf("the table has %d rows for %d setups", len(rows), len(setups))
	}
	return rows
}

// TestEveryTransportThroughEveryProxy fills the table.
func TestEveryTransportThroughEveryProxy(t *testing.T) {
	t.Parallel()
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := expected(t)[s.name]
			if len(want) != len(ways)+3 {
				t.Fatalf("the table has %d outcomes for it", len(want))
			}
			site := newSite(t)
			x := &trial{t: t, site: site, proxy: s.start(t, site.address)}
			rest := []outcome{x.poll(""), x.publish(""), x.batch(want[len(want)-1])}
			found := append(x.follows(want), rest...)
			for i := range want {
				if found[i] != want[i] {
					t.Errorf("column %d is %s, want %s", i+1, found[i], want[i])
				}
			}
		})
	}
}

// TestPageShowsWhatWasFound holds the page to the table.
func TestPageShowsWhatWasFound(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "fallback.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Proxies\n")
	if section, _, _ = strings.Cut(section, "\n## "); !found || !strings.Contains(section, table) {
		t.Errorf("docs/fallback.md lacks, below the heading Proxies:\n%s", table)
	}
}
