package harness

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/rights"
)

// RequestsOf counts what a program of rcroll has asked of the API server so far about a
// namespace, and about policies of the same name.
func RequestsOf(t *testing.T, program, namespace string) int {
	t.Helper()
	n := 0
	require.NoError(t, Cluster(t).auditLog(func(log io.Reader) error {
		return rights.EachOwn(log, func(e rights.Event) {
			about := e.ObjectRef.Namespace == namespace || e.ObjectRef.Namespace == "" && e.ObjectRef.Name == namespace
			if about && strings.HasPrefix(e.UserAgent, "rcroll-"+program+"/") {
				n++
			}
		})
	}))
	return n
}

// expectNoneDenied returns an error that names what rcroll's programs were denied by RBAC
// while the tests ran.
func (c *ControlPlane) expectNoneDenied() error {
	if c == nil || c.temp == "" {
		return nil // who brought the control plane may have no audit log
	}
	var denied []string
	err := c.auditLog(func(log io.Reader) (err error) {
		denied, err = rights.Denied(log)
		return err
	})
	if err == nil && len(denied) > 0 {
		err = fmt.Errorf("rcroll asked for what its roles do not allow:\n%s", strings.Join(denied, "\n"))
	}
	return err
}

// auditLog has the log read, which may be in several files because large ones are rotated, as
// one: what was denied in one may have been allowed in another.
func (c *ControlPlane) auditLog(read func(io.Reader) error) error {
	files, err := filepath.Glob(filepath.Join(c.Dir, "logs", "audit*.log"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no audit log: %w", cmp.Or(err, os.ErrNotExist))
	}
	logs := make([]io.Reader, 0, len(files))
	for _, file := range files {
		log, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("opening the audit log: %w", err)
		}
		defer func() { _ = log.Close() }()
		logs = append(logs, log)
	}
	return read(io.MultiReader(logs...))
}
