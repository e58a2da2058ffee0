package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// PairFile is the name of the file in Options.Dir that holds both certificate and
// key. The server's options for either name this file.
const PairFile = "tls.pem"

// directory is where the server reads its certificate.
type directory string

func (d directory) file() string { return filepath.Join(string(d), PairFile) }

// read returns the pair that is served; nil if there is no valid one.
func (d directory) read() []byte {
	pair, err := os.ReadFile(d.file())
	if err != nil {
		return nil
	}
	if _, err := tls.X509KeyPair(pair, pair); err != nil {
		return nil
	}
	return pair
}

// write replaces the pair atomically: a reader sees the old one or the new one.
func (d directory) write(pair []byte) (err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("create the certificate directory: %w", err)
	}
	file, err := os.CreateTemp(string(d), PairFile+".") // readable by its owner only
	if err != nil {
		return fmt.Errorf("create the certificate file: %w", err)
	}
	_, err = file.Write(pair)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), d.file())
	}
	if err != nil {
		return fmt.Errorf("write the certificate file: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
