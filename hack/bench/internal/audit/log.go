// Package audit reads the API server's audit log: who asked for what.
package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Request is one request to the API server.
type Request struct {
	// User is the authenticated user's name.
	User string

	Verb string

	// Resource has its subresource after a slash.
	Resource string

	Namespace string

	// DryRun means that nothing was stored.
	DryRun bool

	// Code is the HTTP status.
	Code int
}

// entry is the part of a line of the log that is used.
type entry struct {
	RequestURI string `json:"requestURI"`
	Verb       string `json:"verb"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

func parse(line []byte) (Request, error) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Request{}, fmt.Errorf("parse the audit log: %w", err)
	}
	request := Request{
		User:      e.User.Username,
		Verb:      e.Verb,
		Resource:  e.ObjectRef.Resource,
		Namespace: e.ObjectRef.Namespace,
		DryRun:    strings.Contains(e.RequestURI, "dryRun=All"),
		Code:      e.ResponseStatus.Code,
	}
	if e.ObjectRef.Subresource != "" {
		request.Resource += "/" + e.ObjectRef.Subresource
	}
	return request, nil
}

// Log is an audit log that is read incrementally. The API server renames the file when
// it reaches 100 MB, which may happen several times between two readings.
type Log struct {
	dir string

	// read is the number of bytes of each file that have been read, by inode.
	read map[uint64]int64
}

// Open returns the log in a directory, at its end.
func Open(dir string) (*Log, error) {
	log := &Log{dir: dir, read: map[uint64]int64{}}
	return log, log.Skip()
}

// Skip skips what has been logged so far.
func (l *Log) Skip() error {
	return l.eachFile(func(file *os.File, inode uint64, size int64) error {
		l.read[inode] = size
		return nil
	})
}

// Read calls handle with every request logged since the last reading.
func (l *Log) Read(handle func(Request)) error {
	return l.eachFile(func(file *os.File, inode uint64, size int64) error {
		if l.read[inode] == size {
			return nil
		}
		if _, err := file.Seek(l.read[inode], io.SeekStart); err != nil {
			return err
		}
		lines := bufio.NewReaderSize(file, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return nil // an incomplete line is read again next time
			}
			if err != nil {
				return err
			}
			l.read[inode] += int64(len(line))
			request, err := parse(line)
			if err != nil {
				return err
			}
			handle(request)
		}
	})
}

// eachFile visits the files of the log in the order in which they were written: the
// names of rotated ones contain their time.
func (l *Log) eachFile(visit func(file *os.File, inode uint64, size int64) error) error {
	names, err := filepath.Glob(filepath.Join(l.dir, "audit-*.log"))
	if err != nil {
		return fmt.Errorf("find the audit log: %w", err)
	}
	slices.Sort(names)
	for _, name := range append(names, filepath.Join(l.dir, "audit.log")) {
		if err := visitFile(name, visit); err != nil {
			return fmt.Errorf("read the audit log %s: %w", name, err)
		}
	}
	return nil
}

func visitFile(name string, visit func(file *os.File, inode uint64, size int64) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	inode, err := inodeOf(info)
	if err != nil {
		return err
	}
	return visit(file, inode, info.Size())
}
