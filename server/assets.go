package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	jsclient "tidings/js-client"
)

// file is a file that is served from memory, compressed once when the server starts.
type file struct {
	kind   string // content type
	body   []byte
	zipped []byte // nil where compression gains nothing
	tag    string // an entity tag without quotes
	fields map[string]string
}

// types are the content types of the files that there are: those of the machine's own tables differ.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".ts":   "text/plain; charset=utf-8",
	".svg":  "image/svg+xml",
}

func newFile(name string, body []byte, fields map[string]string) *file {
	f := &file{kind: types[path.Ext(name)], body: body, fields: fields}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	sum := sha256.Sum256(body)
	f.tag = hex.EncodeToString(sum[:8])
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	_, _ = z.Write(body)                                  // a bytes.Buffer takes everything
	_ = z.Close()
	if b.Len() < len(body) {
		f.zipped = b.Bytes()
	}
	return f
}

// serve answers with the file: handler.
func (f *file) serve(c *call) error {
	h := c.w.Header()
	for name, value := range f.fields {
		h.Set(name, value)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	body, tag := f.body, `"`+f.tag+`"`
	if f.zipped != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(c.r) {
			body, tag = f.zipped, `"`+f.tag+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", tag)
	if hasTag(c.r.Header.Values("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // whoever asked may have left
	}
	return nil
}

// acceptsGzip reports whether a client takes gzip (RFC 9110 section 12.5.3); "gzip;q=0" is a way to say that it does not.
func acceptsGzip(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept-Encoding") {
		for element := range strings.SplitSeq(field, ",") {
			coding, weight, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				value, ok := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
				return !ok || strings.Trim(value, "0.") != ""
			}
		}
	}
	return false
}

// hasTag reports whether If-None-Match names a tag (RFC 9110 section 13.1.2). A proxy that compresses may have made it weak.
func hasTag(fields []string, tag string) bool {
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			if element = strings.TrimSpace(element); element == "*" || strings.TrimPrefix(element, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// clientFiles are the browser client's files by their names. Pages of every origin may load them, as a module too.
func clientFiles() map[string]*file {
	fields := map[string]string{
		"Cache-Control":                "public, max-age=300",
		"Access-Control-Allow-Origin":  "*",
		"Cross-Origin-Resource-Policy": "cross-origin",
	}
	out := map[string]*file{}
	names := []string{
		"tidings.js", "tidings.mjs", "tidings.d.ts",
		"tidings-socket.js", "tidings-socket.mjs", "tidings-socket.d.ts",
	}
	for _, name := range names {
		out[name] = newFile(name, mustRead(jsclient.Files, "dist/"+name), fields)
	}
	return out
}

// pagePolicy lets the page load what the server itself has, and connect to it, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// boardFiles are the page's files by their paths.
func boardFiles(files fs.FS) map[string]*file {
	fields := map[string]string{
		"Cache-Control":           "no-cache",
		"Content-Security-Policy": pagePolicy,
		"Referrer-Policy":         "no-referrer",
	}
	names, _ := fs.Glob(files, "*") // the pattern is a valid one
	out := map[string]*file{}
	for _, name := range names {
		where := "/board/" + name
		if name == "index.html" {
			where = "/"
		}
		out[where] = newFile(name, mustRead(files, name), fields)
	}
	return out
}

// mustRead reads a file that is part of the program: that it is not there is a mistake of the build.
func mustRead(files fs.FS, name string) []byte {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err)
	}
	return b
}
