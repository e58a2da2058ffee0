package shipped

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// read decodes the first document of a file in manifests/base. It refuses fields that
// the object does not have.
func read(name string, into any) error {
	_, here, _, _ := runtime.Caller(0)
	content, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "manifests", "base", name))
	if err != nil {
		return fmt.Errorf("read a manifest: %w", err)
	}
	document, err := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))).Read()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
