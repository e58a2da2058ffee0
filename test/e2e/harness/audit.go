package harness

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rcroll/rcroll/test/rights"
)

// expectNoneDenied returns an error that names what rcroll's programs were denied by RBAC
// while the tests ran.
func (c *ControlPlane) expectNoneDenied() error {
	if c == nil || c.temp == "" {
		return nil // who brought the control plane may have no audit log
	}
	files, err := filepath.Glob(filepath.Join(c.Dir, "logs", "audit*.log")) // large ones are rotated
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no audit log: %w", cmp.Or(err, os.ErrNotExist))
	}
	denied, err := deniedIn(files)
	if err != nil {
		return err
	}
	if len(denied) > 0 {
		return fmt.Errorf("rcroll asked for what its roles do not allow:\n%s", strings.Join(denied, "\n"))
	}
	return nil
}

// deniedIn reads the files as one: what was denied in one may have been allowed in another.
func deniedIn(files []string) ([]string, error) {
	logs := make([]io.Reader, 0, len(files))
	for _, file := range files {
		log, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("opening the audit log: %w", err)
		}
		defer func() { _ = log.Close() }()
		logs = append(logs, log)
	}
	return rights.Denied(io.MultiReader(logs...))
}
