package wire

import (
	"bytes"
	"strings"

	"tidings/gateway"
	"tidings/transport"
)

// A forever frame is an HTML document that does not end: each object is a script element that calls the document's function p with
// it. What p does is the document's own, so that the elements can be shared by all frames.

// Script is a message as a script element of a forever frame. An envelope holds no "<", U+2028 or U+2029 (see Envelope), so that it can
// neither end its element nor break a line of old JavaScript.
var Script = &gateway.Format{Name: "script", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, func(dst []byte, m *gateway.Message) []byte { return appendScript(dst, m.Encoded(Envelope)) })
}}

// ScriptChunked is Script with chunk heads.
var ScriptChunked = chunked(Script)

// ScriptPrelude opens a forever frame: 2 KB, for browsers that show and run nothing of a document before they have had about so much
// (WebKit 1 KB, Internet Explorer 256 bytes).
var ScriptPrelude = func() string {
	const head = `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Tidings</title></head><body>`
	return head + strings.Repeat(" ", 2047-len(head)) + "\n"
}()

// fromText is JavaScript that makes the object of what p was called with: see isLiteral.
const fromText = `typeof o=="string"?window.JSON?JSON.parse(o):eval("("+o+")"):o`

// AppendScriptCallback appends the element that has p call a function of the page around the frame, which must satisfy [IsCallback]. The
// page is of the frame's own origin, or its functions cannot be reached. Where another page is around it, which could have sent the frame
// here to have some function called, nothing is: browsers that know Content-Security-Policy do not come so far.
func AppendScriptCallback(dst []byte, callback string) []byte {
	dst = append(dst, `<script>function p(o){parent.`...)
	dst = append(dst, callback...)
	return append(dst, `(`+fromText+`)}try{top.document.domain}catch(e){p=function(){}}</script>`+"\n"...)
}

// AppendScriptOrigin appends the element that has p post JSON text to the page around the frame, which gets it only if it is of the
// given origin.
func AppendScriptOrigin(dst []byte, origin string) []byte {
	dst = append(dst, `<script>function p(o){parent.postMessage(typeof o=="string"?o:JSON.stringify(o),`...)
	dst = appendString(dst, origin)
	return append(dst, ")}</script>\n"...)
}

// AppendScript appends a JSON object, escaped as those of this package are, as a script element of a forever frame.
func AppendScript(dst, object []byte) []byte { return appendScript(dst, object) }

func appendScript(dst, object []byte) []byte {
	dst = append(dst, "<script>p("...)
	if isLiteral(object) {
		dst = append(dst, object...)
	} else {
		dst = appendString(dst, object)
	}
	return append(dst, ")</script>\n"...)
}

// isLiteral reports whether JSON means the same to JavaScript. The only member that does not is "__proto__" (ECMA-262 section B.3.1),
// which sets the object's prototype, and twice in one object is an error: then nothing else of the script would run. It can be written
// with escapes, which nobody uses for letters; what may be one is taken for it. What is no literal is handed on as text.
func isLiteral(object []byte) bool {
	for _, suspect := range [...]string{"__proto__", `\u005`, `\u006`, `\u007`} {
		if bytes.Contains(object, []byte(suspect)) {
			return false
		}
	}
	return true
}

// AppendScriptHello appends a forever frame's first object.
func AppendScriptHello(dst []byte, h Hello) []byte { return appendScript(dst, AppendHello(nil, h)) }

// AppendScriptNotice appends a notice as a script element.
func AppendScriptNotice(dst []byte, n gateway.Notice) []byte {
	return appendScript(dst, AppendNotice(nil, n))
}

// AppendScriptBye appends a forever frame's last object.
func AppendScriptBye(dst []byte, b transport.Bye) []byte { return appendScript(dst, b.JSON()) }

// maxCallback bounds the name of a function.
const maxCallback = 64

// IsCallback reports whether name may stand in a script as the function to be called: identifiers of ASCII joined by dots, at most 64
// bytes. Nothing of it can end a statement or be one, whatever comes in front of it.
func IsCallback(name string) bool {
	if len(name) > maxCallback {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' {
			return false
		}
		for _, b := range []byte(part) {
			if !isIdentifier(b) {
				return false
			}
		}
	}
	return true
}

func isIdentifier(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '$'
}

// Call returns JSON, in parts, as a script that calls a function with it (JSONP). The comment in front keeps the caller from choosing the
// first bytes of an answer, which others than script engines may take for something (CVE-2014-4671).
func Call(callback string, parts [][]byte) (script [][]byte, size int) {
	open, end := "(", ");"
	for _, part := range parts {
		if !isLiteral(part) {
			open, end = "(JSON.parse(", "));"
			parts = [][]byte{appendString(nil, bytes.Join(parts, nil))}
			break
		}
	}
	script = make([][]byte, 0, len(parts)+2)
	script = append(script, []byte("/**/"+callback+open))
	script = append(script, parts...)
	script = append(script, []byte(end))
	for _, part := range script {
		size += len(part)
	}
	return script, size
}
