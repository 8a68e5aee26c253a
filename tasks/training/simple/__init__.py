"""Simple models: linear models, trees and neighbours on the columns of a table."""
