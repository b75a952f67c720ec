package pages

import (
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
)

// Files serves the files of a directory, and index.html for each directory in it that has one. Links are followed as long as they lead to somewhere within the
// directory; what begins with a dot is hidden, and what a directory has is not listed.
func Files(dir string) (http.Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	files := http.FileServerFS(shown{root.FS()})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		files.ServeHTTP(w, r)
	}), nil
}

// shown is what may be seen of a file system. What may not is not there, and so is what cannot be read for whatever reason: nobody learns which.
type shown struct{ fs.FS }

// Open implements [fs.FS].
func (s shown) Open(name string) (fs.File, error) {
	none := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	if name != "." && strings.Contains("/"+name, "/.") {
		return nil, none
	}
	// What is neither file nor directory is not opened to see: a named pipe would wait for who writes to it.
	info, err := fs.Stat(s.FS, name)
	if err != nil || !info.Mode().IsRegular() && (!info.IsDir() || !s.hasIndex(name)) {
		return nil, none
	}
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, none
	}
	return f, nil
}

func (s shown) hasIndex(dir string) bool {
	f, err := s.Open(path.Join(dir, "index.html"))
	if err != nil {
		return false
	}
	f.Close()
	return true
}
