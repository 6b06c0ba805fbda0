"""Names of Brazilian municipalities for generated rows, the largest first. Source: IBGE."""

from __future__ import annotations

MUNICIPALITIES = tuple(
    """São Paulo|Rio de Janeiro|Brasília|Fortaleza|Salvador|Belo Horizonte|Manaus|Curitiba|Recife|Goiânia|Belém
Porto Alegre|Guarulhos|Campinas|São Luís|Maceió|São Gonçalo|Campo Grande|Teresina|João Pessoa|Duque de Caxias
Nova Iguaçu|São Bernardo do Campo|Natal|Santo André|Sorocaba|Uberlândia|Ribeirão Preto|São José dos Campos|Cuiabá
Jaboatão dos Guararapes|Contagem|Joinville|Feira de Santana|Aracaju|Londrina|Juiz de Fora|Florianópolis
Aparecida de Goiânia|Serra|Campos dos Goytacazes|Belford Roxo|Niterói|São José do Rio Preto|Ananindeua|Vila Velha
Caxias do Sul|Porto Velho|Mogi das Cruzes|Jundiaí|Macapá|São João de Meriti|Piracicaba|Campina Grande|Santos|Mauá
Montes Claros|Boa Vista|Betim|Maringá|Anápolis|Diadema|Carapicuíba|Petrolina|Bauru|Caruaru|Vitória da Conquista
Itaquaquecetuba|Rio Branco|Blumenau|Ponta Grossa|Caucaia|Cariacica|Franca|Olinda|Praia Grande|Cascavel|Canoas
Paulista|Uberaba|Santarém|São Vicente|Ribeirão das Neves|São José dos Pinhais|Pelotas|Vitória|Barueri|Taubaté
Suzano|Palmas|Camaçari|Várzea Grande|Juazeiro do Norte|Foz do Iguaçu|Sumaré|Petrópolis|Cotia|Taboão da Serra
Imperatriz|Santa Maria|São Carlos|Marabá|Divinópolis|Mossoró|Volta Redonda|Sete Lagoas|Itu|Icó|Ipê""".replace(
        "\n", "|"
    ).split("|")
)
