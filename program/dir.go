package program

import (
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// directory is a directory of programs.
type directory struct {
	name string // absolute
	root *os.Root
	log  *slog.Logger
}

func openDirectory(name string, log *slog.Logger) (*directory, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &directory{name: name, root: root, log: log}, nil
}

func (d *directory) close() { d.root.Close() }

// find returns the program that a path names: the first file on its way, which has to be one that can be executed. Links are followed as long as they lead to
// somewhere within the directory. What begins with a dot is hidden.
func (d *directory) find(at string) (target, bool) {
	at, ok := strings.CutPrefix(at, "/")
	for end := 0; ok && end < len(at); end++ {
		begin := end
		if end = strings.IndexByte(at[begin:], '/') + begin; end < begin {
			end = len(at)
		}
		name := at[:end]
		if part := name[begin:]; part == "" || part[0] == '.' || strings.ContainsRune(part, filepath.Separator) && filepath.Separator != '/' {
			break
		}
		info, err := d.root.Stat(filepath.FromSlash(name))
		switch {
		case err != nil:
			return target{}, false
		case info.IsDir():
		case info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows"):
			return target{file: filepath.Join(d.name, filepath.FromSlash(path.Clean(name))), scriptName: "/" + name, pathInfo: at[end:]}, true
		default:
			d.log.Warn("a program cannot be executed: is it chmod +x?", "file", name)
			return target{}, false
		}
	}
	return target{}, false
}
